//! A saga in stages: a group at once, a computed list one after another, and at the end what nobody can take back.

use std::time::Duration;

use axum::extract::{FromRef, State};
use axum::http::StatusCode;
use axum::routing::post;
use axum::{Json, Router};
use branchwire::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Clone, Database)]
pub struct Shop(sqlx::SqlitePool);

#[derive(Serialize, Deserialize)]
pub struct Item {
    pub article: i64,
}

#[derive(Serialize, Deserialize)]
pub struct Charge {
    pub cents: i64,
}

#[branchwire::service("/api/shop")]
pub mod shop {
    use super::*;

    #[saga_action]
    pub async fn take(tx: &mut Tx<Shop>, req: Item) -> Result<(), BranchError> {
        let sql = "UPDATE stock SET pieces = pieces - 1 WHERE article = $1 AND pieces > 0";
        let taken = sqlx::query(sql).bind(req.article).execute(&mut *tx).await?;
        (taken.rows_affected() == 1).then_some(()).or_refuse("sold out")
    }

    #[saga_compensate(of = take)]
    pub async fn put_back(tx: &mut Tx<Shop>, req: Item) -> Result<(), Retry> {
        let sql = "UPDATE stock SET pieces = pieces + 1 WHERE article = $1";
        sqlx::query(sql).bind(req.article).execute(&mut *tx).await?;
        Ok(())
    }

    #[saga_action("/payments")]
    pub async fn charge(_: &mut Tx<Shop>, _: BranchContext, req: Charge) -> Result<(), BranchError> {
        (req.cents > 0).then_some(()).or_refuse("nothing to pay")
    }

    #[saga_compensate("/payments/back", of = charge)]
    pub async fn refund(_: &mut Tx<Shop>, _: Charge) -> Result<(), Retry> {
        Ok(())
    }

    #[msg_branch]
    pub async fn send_parcel(_: &mut Tx<Shop>, _: Item) -> Result<(), Retry> {
        Ok(())
    }

    #[msg_branch]
    pub async fn wrap(_: &mut Tx<Shop>) -> Result<(), Retry> {
        Ok(())
    }
}

#[derive(Deserialize)]
pub struct Order {
    pub name: String,
    pub articles: Vec<i64>,
    pub coupons: Vec<i64>,
    pub cents: i64,
    pub is_a_gift: bool,
}

#[derive(Clone, FromRef)]
pub struct App {
    db: Shop,
    client: Client,
    shop: shop::Remote,
}

async fn buy(State(app): State<App>, Json(order): Json<Order>) -> Result<StatusCode, StatusCode> {
    let gid = Gid::new(format!("order-{}", order.name)).map_err(|_| StatusCode::BAD_REQUEST)?;
    let items = |articles: &[i64]| -> Vec<_> {
        articles.iter().map(|article| app.shop.take(&Item { article: *article })).collect()
    };
    let mut saga = app
        .client
        .saga(app.shop.charge(&Charge { cents: order.cents }))
        .and_all(items(&order.articles))
        .then_each(items(&order.coupons))
        .finally(app.shop.send_parcel(&Item { article: 0 }))
        .roll_back_after(Duration::from_mins(1))
        .retry_limit(10)
        .request_timeout(Duration::from_secs(2))
        .branch_header("x-tenant", "7")
        .gid(gid);
    if order.is_a_gift {
        saga = saga.finally(app.shop.wrap());
    }
    match saga.run().await {
        Ok(SagaDone::Succeeded { .. }) => Ok(StatusCode::OK),
        Ok(SagaDone::Running { .. } | SagaDone::Unknown { .. }) => Ok(StatusCode::ACCEPTED),
        Err(SagaNotDone::NotStarted(_)) => Err(StatusCode::SERVICE_UNAVAILABLE),
        Err(_) => Err(StatusCode::CONFLICT),
    }
}

/// The routes.
pub fn router(app: App) -> Router {
    Router::new().route("/buy", post(buy)).merge(shop::router()).with_state(app)
}

#[tokio::test]
async fn a_saga_without_a_coordinator_is_not_started() {
    let client = Client::new("http://127.0.0.1:9").unwrap();
    let shop = shop::at("http://shop").unwrap();
    let item = || shop.take(&Item { article: 1 });
    let saga =
        client.saga(item()).and(item()).then(item()).then_each(Some(item())).and_all(None::<branchwire::SagaStep>);
    assert!(matches!(saga.run().await, Err(SagaNotDone::NotStarted(_))));
    let saga = client.saga_all([item(), item()]).unwrap();
    assert!(matches!(saga.submit().await, Err(SagaNotDone::NotStarted(_))));
    assert_eq!(client.saga_all(Vec::<branchwire::SagaStep>::new()).unwrap_err(), branchwire::saga::NoSteps);
}
