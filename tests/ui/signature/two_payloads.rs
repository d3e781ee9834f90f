// A branch takes two payloads.

use branchwire::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Clone, Database)]
pub struct BankB(sqlx::SqlitePool);

#[derive(Serialize, Deserialize)]
pub struct TransferIn {
    pub amount: i64,
}

#[derive(Serialize, Deserialize)]
pub struct Refund {
    pub reason: String,
}

#[msg_branch]
pub async fn trans_in(_: &mut Tx<BankB>, _: TransferIn, _: Refund) -> Result<(), Retry> {
    Ok(())
}

fn main() {}
