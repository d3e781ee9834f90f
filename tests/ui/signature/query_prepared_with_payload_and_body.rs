// A query-prepared with a body takes a payload.

use branchwire::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Clone, Database)]
pub struct BankA(sqlx::SqlitePool);

#[derive(Serialize, Deserialize)]
pub struct TransferIn {
    pub amount: i64,
}

#[query_prepared]
pub async fn order_paid(_: &BankA, _: Gid, _: TransferIn) -> Result<Prepared, Retry> {
    Ok(Prepared::Ongoing)
}

fn main() {}
