//! Extractors stand between the transaction and the payload.

use axum::extract::{Extension, FromRef, FromRequestParts, State};
use axum::http::HeaderMap;
use axum::http::request::Parts;
use branchwire::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Clone, Database)]
pub struct Bank(sqlx::SqlitePool);

#[derive(Serialize, Deserialize)]
pub struct TransferIn {
    pub amount: i64,
}

#[derive(Clone)]
pub struct Rate(pub i64);

#[derive(Clone)]
pub struct App {
    bank: Bank,
    rate: Rate,
}

impl FromRef<App> for Bank {
    fn from_ref(app: &App) -> Self {
        app.bank.clone()
    }
}

impl FromRef<App> for Rate {
    fn from_ref(app: &App) -> Self {
        app.rate.clone()
    }
}

/// An extractor of the program's own, for any state.
pub struct Tenant;

impl<S: Sync> FromRequestParts<S> for Tenant {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(_: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        Ok(Self)
    }
}

#[branchwire::service("/bank")]
pub mod bank {
    use super::*;

    #[msg_branch]
    pub async fn all(
        _: &mut Tx<Bank>,
        State(Rate(rate)): State<Rate>,
        context: BranchContext,
        headers: HeaderMap,
        _: Tenant,
        Extension(()): Extension<()>,
        req: TransferIn,
    ) -> Result<(), Retry> {
        let _ = (rate, context, headers, req);
        Ok(())
    }

    #[msg_branch]
    pub async fn known_and_last(_: &mut Tx<Bank>, _: State<Rate>, _: HeaderMap) -> Result<(), Retry> {
        Ok(())
    }

    #[msg_branch(no_payload)]
    pub async fn own_and_last(_: &mut Tx<Bank>, _: HeaderMap, _: Tenant) -> Result<(), Retry> {
        Ok(())
    }
}

#[test]
fn a_state_of_several_parts_serves_them() {
    let _: axum::Router<App> = bank::router();
    let bank = bank::at("http://bank").unwrap();
    let _ = (bank.all(&TransferIn { amount: 1 }), bank.known_and_last(), bank.own_and_last());
}
