// A query-prepared takes a transaction.

use branchwire::prelude::*;

#[derive(Clone, Database)]
pub struct BankA(sqlx::SqlitePool);

#[query_prepared]
pub async fn order_paid(_: &mut Tx<BankA>, _: Gid) -> Result<Prepared, Retry> {
    Ok(Prepared::Ongoing)
}

fn main() {}
