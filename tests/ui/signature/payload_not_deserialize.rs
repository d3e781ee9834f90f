// A payload cannot be read from JSON.

use branchwire::prelude::*;

#[derive(Clone, Database)]
pub struct BankB(sqlx::SqlitePool);

pub struct TransferIn {
    pub amount: i64,
}

#[msg_branch]
pub async fn trans_in(_: &mut Tx<BankB>, _: TransferIn) -> Result<(), Retry> {
    Ok(())
}

fn main() {}
