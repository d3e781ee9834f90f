// A query-prepared returns an error that may refuse.

use branchwire::prelude::*;

#[derive(Clone, Database)]
pub struct BankA(sqlx::SqlitePool);

#[query_prepared]
pub async fn order_paid(_: &BankA, _: Gid) -> Result<Prepared, BranchError> {
    Ok(Prepared::Ongoing)
}

fn main() {}
