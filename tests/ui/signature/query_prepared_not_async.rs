// A query-prepared with a body is not async.

use branchwire::prelude::*;

#[derive(Clone, Database)]
pub struct BankA(sqlx::SqlitePool);

#[query_prepared]
pub fn order_paid(_: &BankA, _: Gid) -> Result<Prepared, Retry> {
    Ok(Prepared::Ongoing)
}

fn main() {}
