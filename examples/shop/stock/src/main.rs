//! The stock as a program. `DATABASE_URL`, `LISTEN` and `BRANCHWIRE_KEYS` say where and with what.

use std::env::var;
use std::time::Duration;

use branchwire::barrier::Sweeper;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    tracing_subscriber::fmt().with_writer(std::io::stderr).init();
    let db = shop_stock::open(sqlx::PgPool::connect(&var("DATABASE_URL")?).await?).await?;
    // Removes barrier rows, every hour, that no call needs any more.
    let _sweeper = Sweeper::start(&db, Duration::from_hours(30 * 24), Duration::from_hours(1))?;
    let app = shop_stock::app(db, var("BRANCHWIRE_KEYS")?.parse()?);
    branchwire::auth::check(&app, shop_stock::stock::ROUTES).await?;
    let listener = tokio::net::TcpListener::bind(var("LISTEN")?).await?;
    Ok(axum::serve(listener, app).await?)
}
