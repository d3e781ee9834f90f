// A query-prepared with a body asks a type that is no database.

use branchwire::prelude::*;

pub struct BankA(sqlx::SqlitePool);

#[query_prepared]
pub async fn order_paid(_: &BankA, _: Gid) -> Result<Prepared, Retry> {
    Ok(Prepared::Ongoing)
}

fn main() {}
