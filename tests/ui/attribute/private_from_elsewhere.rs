// A branch from elsewhere is less visible than its service.

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

mod refunds {
    use super::*;

    #[msg_branch]
    pub async fn refund(_: &mut Tx<BankB>, _: Refund) -> Result<(), Retry> {
        Ok(())
    }
}

#[branchwire::service("/api/bank-b")]
pub mod bank_b {
    #[branch]
    use super::refunds::refund;
}

fn main() {}
