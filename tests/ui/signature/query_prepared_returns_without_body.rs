// A query-prepared without a body returns something.

use branchwire::prelude::*;

#[derive(Clone, Database)]
pub struct BankA(sqlx::SqlitePool);

#[query_prepared]
pub fn transfer_prepared(db: BankA) -> Result<Prepared, Retry>;

fn main() {}
