// A branch has several mistakes: all are told at once.

use branchwire::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Clone, Database)]
pub struct BankB(sqlx::SqlitePool);

#[derive(Serialize, Deserialize)]
pub struct TransferIn {
    pub amount: i64,
}

#[msg_branch]
pub unsafe fn trans_in<'t>(_: Tx<BankB>, _: &TransferIn) -> Result<(), BranchError> {
    Ok(())
}

fn main() {}
