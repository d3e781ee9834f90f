//! Actions that change nothing: they have nothing to undo.

use branchwire::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Clone, Database)]
pub struct Customers(sqlx::SqlitePool);

#[derive(Serialize, Deserialize)]
pub struct Customer {
    pub id: i64,
}

#[branchwire::service("/api/customers")]
pub mod customers {
    use super::*;

    /// Refuses a customer who is locked.
    #[saga_action(nothing_to_undo)]
    pub async fn may_buy(tx: &mut Tx<Customers>, req: Customer) -> Result<(), BranchError> {
        let sql = "SELECT is_locked FROM customer WHERE id = $1";
        let is_locked: Option<bool> = sqlx::query_scalar(sql).bind(req.id).fetch_optional(&mut *tx).await?;
        if is_locked.or_refuse("no such customer")? { Err(BranchError::refuse("locked")) } else { Ok(()) }
    }

    /// Without a payload.
    #[saga_action("/open", nothing_to_undo)]
    pub async fn is_open(_: &mut Tx<Customers>) -> Result<(), BranchError> {
        Ok(())
    }

    /// With a value, for who reads it.
    #[saga_action(nothing_to_undo)]
    pub async fn discount(_: &mut Tx<Customers>, _: Customer) -> Result<u8, BranchError> {
        Ok(3)
    }
}

async fn order(client: &Client, customers: &customers::Remote) -> Result<SagaDone, SagaNotDone> {
    let customer = Customer { id: 7 };
    client.saga(customers.may_buy(&customer)).and(customers.is_open()).then(customers.discount(&customer)).run().await
}

#[test]
fn each_has_a_route_and_no_other_half() {
    let routes: Vec<_> = customers::ROUTES.iter().map(|route| (route.path, route.of)).collect();
    assert_eq!(routes, [("/api/customers/may-buy", ""), ("/api/customers/open", ""), ("/api/customers/discount", "")]);
    let _: axum::Router<Customers> = customers::router();
}
