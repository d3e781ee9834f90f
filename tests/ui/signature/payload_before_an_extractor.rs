// A payload stands before an extractor.

use branchwire::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Clone, Database)]
pub struct BankB(sqlx::SqlitePool);

#[derive(Serialize, Deserialize)]
pub struct TransferIn {
    pub amount: i64,
}

#[msg_branch]
pub async fn trans_in(_: &mut Tx<BankB>, _: TransferIn, _: branchwire::BranchContext) -> Result<(), Retry> {
    Ok(())
}

fn main() {}
