// A query-prepared with an extractor.

use branchwire::prelude::*;

#[derive(Clone, Database)]
pub struct Bank(sqlx::SqlitePool);

#[query_prepared]
pub async fn transfer_prepared(_: &Bank, _: Gid, _: BranchContext) -> Result<Prepared, Retry> {
    Ok(Prepared::Ongoing)
}

fn main() {}
