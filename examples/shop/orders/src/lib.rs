//! The orders: a customer places one and pays from a purse of 50 coins, and the stock then reserves its pieces, for certain and once.

use axum::extract::{FromRef, State};
use axum::http::StatusCode;
use axum::routing::post;
use axum::{Json, Router};
use branchwire::auth::{Keys, Verify};
use branchwire::barrier;
use branchwire::prelude::*;
use serde::{Deserialize, Serialize};
use shop_contracts::{Reserve, stock};
use sqlx::PgPool;

/// The database of the orders.
#[derive(Debug, Clone, Database)]
pub struct Orders(pub PgPool);

/// The query-prepared of the orders, for the coordinator.
#[branchwire::service("/api/orders")]
pub mod orders {
    use super::*;

    /// Has the order been placed?
    #[query_prepared]
    pub fn placed(db: Orders);
}

/// A customer's request.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Order {
    /// The order's own number, from the customer: the same number sent twice is one order.
    pub number: String,
    /// The article.
    pub item: String,
    /// How many.
    pub pieces: i32,
}

/// Why an order is not placed.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// Each piece costs one coin.
    #[error("not enough money in the purse")]
    NotEnoughMoney,
    /// The database failed.
    #[error("the database failed")]
    Database(#[from] sqlx::Error),
}

/// The state of the handlers.
#[derive(Debug, Clone, FromRef)]
pub struct Shop {
    /// The database.
    pub db: Orders,
    /// The coordinator.
    pub client: Client,
    /// This service, as the coordinator reaches it.
    pub own: orders::Remote,
    /// The stock.
    pub stock: stock::Remote,
}

/// The part of an order that is local: a function like any other.
///
/// # Errors
/// [`Refused`]: nothing is placed.
pub async fn place(tx: &mut Tx<Orders>, order: &Order) -> Result<(), Refused> {
    let paid = sqlx::query("UPDATE purse SET coins = coins - $1 WHERE coins >= $1");
    if paid.bind(order.pieces).execute(&mut *tx).await?.rows_affected() == 0 {
        return Err(Refused::NotEnoughMoney);
    }
    sqlx::query("INSERT INTO placed (number, item, pieces) VALUES ($1, $2, $3)")
        .bind(&order.number)
        .bind(&order.item)
        .bind(order.pieces)
        .execute(&mut *tx)
        .await?;
    Ok(())
}

/// How often one order can be refused.
const ATTEMPTS_MAX: u32 = 100;

/// `POST /orders`: 200 if the order is placed, now or by an earlier request.
async fn post_order(State(shop): State<Shop>, Json(order): Json<Order>) -> StatusCode {
    if order.pieces < 1 {
        return StatusCode::BAD_REQUEST;
    }
    // A gid under which the order was refused is used up: then the next attempt has its own. A repeated request goes
    // through the same gids, and finds the one under which the order was placed.
    for attempt in 1..=ATTEMPTS_MAX {
        let Ok(gid) = Gid::new(format!("order-{}-{attempt}", order.number)) else { return StatusCode::BAD_REQUEST };
        let Order { number, item, pieces } = order.clone();
        let message = shop.client.msg(shop.stock.reserve(&Reserve { order: number, item, pieces })).gid(gid);
        match message.do_and_submit(shop.own.placed(), &shop.db, async |tx| place(tx, &order).await).await {
            Err(NotDone::GivenUp { .. }) => {}
            result => return status(result),
        }
    }
    StatusCode::CONFLICT
}

/// Tells the customer what is true.
fn status(result: Result<Done<()>, NotDone<Refused>>) -> StatusCode {
    match result {
        Ok(Done::Submitted { .. } | Done::Committed { .. } | Done::Repeated { .. }) => StatusCode::OK,
        // It is being found out; the same request tells later.
        Ok(Done::Unknown { .. }) | Err(NotDone::InProgress { .. }) => StatusCode::ACCEPTED,
        // Refused, until there is money; or the number belongs to another order.
        Err(NotDone::RolledBack(Refused::NotEnoughMoney) | NotDone::OtherMessage { .. }) => StatusCode::CONFLICT,
        Ok(needs_a_person @ (Done::Stopped { .. } | Done::EndedEarly { .. })) => {
            tracing::error!(gid = %needs_a_person.gid(), "placed, but not as it should be");
            StatusCode::INTERNAL_SERVER_ERROR
        }
        Err(error) => {
            tracing::error!(error = &error as &dyn std::error::Error, "not placed");
            StatusCode::SERVICE_UNAVAILABLE
        }
    }
}

/// Makes the database ready: its own tables, and the barrier's.
///
/// # Errors
/// An error, with the advice for it.
pub async fn open(pool: PgPool) -> Result<Orders, Box<dyn std::error::Error>> {
    let db = Orders(pool);
    barrier::set_up(&db).await?;
    sqlx::raw_sql(
        "CREATE TABLE IF NOT EXISTS placed (number TEXT PRIMARY KEY, item TEXT NOT NULL, pieces INTEGER NOT NULL);
         CREATE TABLE IF NOT EXISTS purse (id INTEGER PRIMARY KEY, coins INTEGER NOT NULL);
         INSERT INTO purse VALUES (1, 50) ON CONFLICT DO NOTHING",
    )
    .execute(&db.0)
    .await?;
    Ok(db)
}

/// All routes: those of customers, and query-prepared, which only a coordinator with the key can ask.
pub fn app(shop: Shop, keys: Keys) -> Router {
    let asked = orders::router().layer(Verify::calls(keys));
    Router::new().route("/orders", post(post_order)).merge(asked).with_state(shop)
}
