// A query-prepared takes a payload.

use branchwire::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Clone, Database)]
pub struct BankA(sqlx::SqlitePool);

#[derive(Serialize, Deserialize)]
pub struct TransferIn {
    pub amount: i64,
}

#[query_prepared]
pub fn transfer_prepared(db: BankA, req: TransferIn);

fn main() {}
