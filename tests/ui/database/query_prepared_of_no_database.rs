// A query-prepared asks a type that is no database.

use branchwire::prelude::*;

pub struct BankA(sqlx::SqlitePool);

#[query_prepared]
pub fn transfer_prepared(db: BankA);

fn main() {}
