// A query-prepared takes the gid as another type.

use branchwire::prelude::*;

#[derive(Clone, Database)]
pub struct BankA(sqlx::SqlitePool);

#[query_prepared]
pub async fn order_paid(_: &BankA, _: String) -> Result<Prepared, Retry> {
    Ok(Prepared::Ongoing)
}

fn main() {}
