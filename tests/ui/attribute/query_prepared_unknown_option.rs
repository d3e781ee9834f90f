// A query-prepared has an option that does not exist.

use branchwire::prelude::*;

#[derive(Clone, Database)]
pub struct BankA(sqlx::SqlitePool);

#[query_prepared(no_payload)]
pub fn transfer_prepared(db: BankA);

fn main() {}
