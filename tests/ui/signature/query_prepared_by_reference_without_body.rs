// A query-prepared without a body takes its database by reference.

use branchwire::prelude::*;

#[derive(Clone, Database)]
pub struct BankA(sqlx::SqlitePool);

#[query_prepared]
pub fn transfer_prepared(db: &BankA);

fn main() {}
