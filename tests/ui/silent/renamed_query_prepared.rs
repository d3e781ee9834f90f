// A query-prepared is imported under another name.

use branchwire::prelude::*;

#[derive(Clone, Database)]
pub struct BankA(sqlx::SqlitePool);

#[branchwire::service("/api/bank-a")]
pub mod bank_a {
    use super::*;
    use branchwire::query_prepared as asked;

    #[asked]
    pub fn transfer_prepared(db: BankA);
}

fn main() {}
