// A query-prepared without a body is async.

use branchwire::prelude::*;

#[derive(Clone, Database)]
pub struct BankA(sqlx::SqlitePool);

#[query_prepared]
pub async fn transfer_prepared(db: BankA);

fn main() {}
