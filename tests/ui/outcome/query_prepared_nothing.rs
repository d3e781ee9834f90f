// A query-prepared with a body returns nothing.

use branchwire::prelude::*;

#[derive(Clone, Database)]
pub struct BankA(sqlx::SqlitePool);

#[query_prepared]
pub async fn order_paid(_: &BankA, _: Gid) {
}

fn main() {}
