//! The orders as a program. `DATABASE_URL`, `LISTEN`, `COORDINATOR`, `ORDERS`, `STOCK`, `BRANCHWIRE_KEYS` and
//! `BRANCHWIRE_API_TOKEN` say where and with what.

use std::env::var;
use std::time::Duration;

use branchwire::Client;
use branchwire::barrier::Sweeper;
use shop_orders::{Shop, orders};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    tracing_subscriber::fmt().with_writer(std::io::stderr).init();
    let db = shop_orders::open(sqlx::PgPool::connect(&var("DATABASE_URL")?).await?).await?;
    // Removes barrier rows, every hour, that are older than any repetition of an order.
    let _sweeper = Sweeper::start(&db, Duration::from_hours(30 * 24), Duration::from_hours(1))?;
    let shop = Shop {
        db,
        client: Client::new(var("COORDINATOR")?)?.bearer_token(&var("BRANCHWIRE_API_TOKEN")?)?,
        own: orders::at(var("ORDERS")?)?,
        stock: shop_contracts::stock::at(var("STOCK")?)?,
    };
    let app = shop_orders::app(shop, var("BRANCHWIRE_KEYS")?.parse()?);
    branchwire::auth::check(&app, orders::ROUTES).await?;
    let listener = tokio::net::TcpListener::bind(var("LISTEN")?).await?;
    Ok(axum::serve(listener, app).await?)
}
