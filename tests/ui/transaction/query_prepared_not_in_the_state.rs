// A router's state lacks the database of a query-prepared.

use branchwire::prelude::*;

#[derive(Clone, Database)]
pub struct BankA(sqlx::SqlitePool);

#[derive(Clone, Database)]
pub struct BankB(sqlx::SqlitePool);

#[branchwire::service("/api/bank-a")]
pub mod bank_a {
    use super::*;

    #[query_prepared]
    pub fn transfer_prepared(db: BankA);
}

fn app(bank_b: BankB) -> axum::Router {
    bank_a::router().with_state(bank_b)
}

fn main() {}
