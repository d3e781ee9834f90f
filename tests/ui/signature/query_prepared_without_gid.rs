// A query-prepared with a body does not take the gid.

use branchwire::prelude::*;

#[derive(Clone, Database)]
pub struct BankA(sqlx::SqlitePool);

#[query_prepared]
pub async fn order_paid(_: &BankA) -> Result<Prepared, Retry> {
    Ok(Prepared::Ongoing)
}

fn main() {}
