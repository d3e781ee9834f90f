//! One service over several databases: each pair works in its own.

use axum::extract::FromRef;
use branchwire::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Clone, Database)]
pub struct Rooms(sqlx::SqlitePool);

#[derive(Clone, Database)]
#[database(isolation = "serializable")]
pub struct Money(sqlx::SqlitePool);

#[derive(Serialize, Deserialize)]
pub struct Stay {
    pub nights: i64,
}

#[branchwire::service("/api/hotel")]
pub mod hotel {
    use super::*;

    #[saga_action]
    pub async fn book(_: &mut Tx<Rooms>, _: Stay) -> Result<(), BranchError> {
        Ok(())
    }

    #[saga_compensate(of = book)]
    pub async fn cancel(_: &mut Tx<Rooms>, _: Stay) -> Result<(), Retry> {
        Ok(())
    }

    #[saga_action]
    pub async fn charge(_: &mut Tx<Money>, _: Stay) -> Result<(), BranchError> {
        Ok(())
    }

    #[saga_compensate(of = charge)]
    pub async fn refund(_: &mut Tx<Money>, _: Stay) -> Result<(), Retry> {
        Ok(())
    }

    #[tcc_try]
    pub async fn hold(_: &mut Tx<Money>, req: Stay) -> Result<i64, BranchError> {
        Ok(req.nights * 50)
    }

    #[tcc_confirm(of = hold)]
    pub async fn take(_: &mut Tx<Money>, _: Stay, _: Kept<i64>) -> Result<(), Retry> {
        Ok(())
    }

    #[tcc_cancel(of = hold)]
    pub async fn release(_: &mut Tx<Money>, _: Stay) -> Result<(), Retry> {
        Ok(())
    }

    #[query_prepared]
    pub fn booked(db: Rooms);

    #[query_prepared]
    pub fn charged(db: Money);
}

#[derive(Clone, FromRef)]
pub struct App {
    rooms: Rooms,
    money: Money,
}

/// The routes with their state.
pub fn served(app: App) -> axum::Router {
    hotel::router().with_state(app)
}

#[test]
fn a_route_names_its_database() {
    let databases = hotel::ROUTES.iter().map(|route| route.database);
    assert!(databases.eq(["Rooms", "Rooms", "Money", "Money", "Money", "Money", "Money", "Rooms", "Money"]));
}
