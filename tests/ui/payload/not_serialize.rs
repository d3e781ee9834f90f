// A payload that can only be read is sent.

use branchwire::prelude::*;
use serde::Deserialize;

#[derive(Clone, Database)]
pub struct BankB(sqlx::SqlitePool);

#[derive(Deserialize)]
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

fn send(bank_b: bank_b::Remote) {
    let _ = bank_b.trans_in(&TransferIn { amount: 30 });
}

fn main() {}
