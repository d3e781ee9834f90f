// A branch has a payload and no transaction.

use branchwire::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
pub struct TransferIn {
    pub amount: i64,
}

#[msg_branch]
pub async fn trans_in(_: TransferIn) -> Result<(), Retry> {
    Ok(())
}

fn main() {}
