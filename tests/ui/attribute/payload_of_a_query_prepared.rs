// A query-prepared takes no payload, and no option that names one.

use branchwire::prelude::*;

#[derive(Clone, Database)]
pub struct Bank(sqlx::SqlitePool);

#[query_prepared(payload = i64)]
pub fn transfer_prepared(db: Bank);

fn main() {}
