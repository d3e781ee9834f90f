// A remote service has a query-prepared.

use branchwire::prelude::*;

#[derive(Clone, Database)]
pub struct BankA(sqlx::SqlitePool);

#[branchwire::service("/api/bank-b", remote)]
pub mod bank_b {
    use super::*;

    #[query_prepared]
    pub fn transfer_prepared(db: BankA);
}

fn main() {}
