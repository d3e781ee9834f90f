// A query-prepared with a body takes its database by value.

use branchwire::prelude::*;

#[derive(Clone, Database)]
pub struct BankA(sqlx::SqlitePool);

#[query_prepared]
pub async fn order_paid(_: BankA, _: Gid) -> Result<Prepared, Retry> {
    Ok(Prepared::Ongoing)
}

fn main() {}
