//! A router for any state that holds what its branches need.

use axum::Router;
use axum::extract::FromRef;
use branchwire::Holds;
use branchwire::prelude::*;

/// The accounts.
#[derive(Clone, Database)]
pub struct Bank(sqlx::SqlitePool);

/// The orders.
#[derive(Clone, Database)]
pub struct Orders(sqlx::SqlitePool);

/// Does nothing.
///
/// # Errors
/// None.
#[msg_branch]
pub async fn trans_in(_: &mut Tx<Bank>) -> Result<(), Retry> {
    Ok(())
}

/// Does nothing.
///
/// # Errors
/// None.
#[msg_branch]
pub async fn ship(_: &mut Tx<Orders>) -> Result<(), Retry> {
    Ok(())
}

/// The routes.
pub fn router<S>() -> Router<S>
where
    S: Holds<Bank> + Holds<Orders>,
{
    Router::new().branch::<trans_in>().branch::<ship>()
}

/// What the service holds.
#[derive(Clone, FromRef)]
pub struct AppState {
    bank: Bank,
    orders: Orders,
}

/// The routes with their state.
pub fn served(bank: Bank, orders: Orders) -> Router {
    router().with_state(AppState { bank, orders })
}
