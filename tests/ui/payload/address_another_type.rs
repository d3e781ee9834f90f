// The address of a branch is given another payload.

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

fn send() -> Result<(), branchwire::InvalidUrl> {
    let trans_in = branchwire::at::<bank_b::trans_in>("http://bank-b:8080")?;
    let _ = trans_in.with(&Refund { reason: String::new() });
    Ok(())
}

fn main() {}
