//! The stock: what is on the shelf, and what is reserved of it.

use axum::routing::get;
use axum::{Json, Router};
use branchwire::auth::{Keys, Verify};
use branchwire::barrier;
use branchwire::prelude::*;
use sqlx::PgPool;

/// The database of the stock.
#[derive(Debug, Clone, Database)]
pub struct Stock(pub PgPool);

/// Hosts the contract: the paths are the contract's, and another payload does not compile.
#[branchwire::service(implements = shop_contracts::stock, openapi)]
pub mod stock {
    use shop_contracts::Reserve;

    use super::*;

    /// Reserves pieces for an order that has been placed.
    ///
    /// # Errors
    /// `Retry` while there is no such item: someone will enter it.
    #[msg_branch]
    pub async fn reserve(tx: &mut Tx<Stock>, req: Reserve) -> Result<(), Retry> {
        let taken = sqlx::query("UPDATE shelf SET pieces = pieces - $1 WHERE item = $2")
            .bind(req.pieces)
            .bind(&req.item)
            .execute(&mut *tx)
            .await?;
        if taken.rows_affected() == 0 {
            return Err(Retry::new(format!("no item `{}`", req.item)));
        }
        sqlx::query("INSERT INTO reserved (order_number, item, pieces) VALUES ($1, $2, $3)")
            .bind(&req.order)
            .bind(&req.item)
            .bind(req.pieces)
            .execute(&mut *tx)
            .await?;
        Ok(())
    }
}

/// Makes the database ready: its own tables, and the barrier's.
///
/// # Errors
/// An error, with the advice for it.
pub async fn open(pool: PgPool) -> Result<Stock, Box<dyn std::error::Error>> {
    let db = Stock(pool);
    barrier::set_up(&db).await?;
    sqlx::raw_sql(
        "CREATE TABLE IF NOT EXISTS shelf (item TEXT PRIMARY KEY, pieces INTEGER NOT NULL);
         CREATE TABLE IF NOT EXISTS reserved (
             order_number TEXT PRIMARY KEY, item TEXT NOT NULL REFERENCES shelf, pieces INTEGER NOT NULL
         );
         INSERT INTO shelf VALUES ('lamp', 100) ON CONFLICT DO NOTHING",
    )
    .execute(&db.0)
    .await?;
    Ok(db)
}

/// All routes: the branches, which only a coordinator with the key can call, and the description for people.
pub fn app(db: Stock, keys: Keys) -> Router {
    let branches = stock::router().with_state(db).layer(Verify::calls(keys));
    Router::new().route("/openapi.json", get(async || Json(stock::openapi()))).merge(branches)
}
