// A function is given where its branch is due.

use branchwire::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Clone, Database)]
pub struct BankB(sqlx::SqlitePool);

#[derive(Serialize, Deserialize)]
pub struct TransferIn {
    pub amount: i64,
}

#[branchwire::service("/api/bank-b")]
pub mod bank_b {
    use super::*;

    #[msg_branch]
    pub async fn trans_in(_: &mut Tx<BankB>, _: TransferIn) -> Result<(), Retry> {
        Ok(())
    }

    #[msg_branch]
    pub async fn ping(_: &mut Tx<BankB>) -> Result<(), Retry> {
        Ok(())
    }
}

fn send(client: Client) {
    let _ = client.msg(bank_b::ping);
}

fn main() {}
