// A query-prepared answers with a bool.

use branchwire::prelude::*;

#[derive(Clone, Database)]
pub struct BankA(sqlx::SqlitePool);

#[query_prepared]
pub async fn order_paid(_: &BankA, _: Gid) -> Result<bool, Retry> {
    Ok(true)
}

fn main() {}
