// An extractor of the program's own is the last argument.

use branchwire::prelude::*;

#[derive(Clone, Database)]
pub struct BankB(sqlx::SqlitePool);

pub struct Tenant;

impl<S: Sync> axum::extract::FromRequestParts<S> for Tenant {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(_: &mut axum::http::request::Parts, _: &S) -> Result<Self, Self::Rejection> {
        Ok(Self)
    }
}

#[msg_branch]
pub async fn trans_in(_: &mut Tx<BankB>, _: Tenant) -> Result<(), Retry> {
    Ok(())
}

fn main() {}
