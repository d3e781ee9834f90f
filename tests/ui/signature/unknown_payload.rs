// A payload's type does not exist.

use branchwire::prelude::*;

#[derive(Clone, Database)]
pub struct BankB(sqlx::SqlitePool);

#[msg_branch]
pub async fn trans_in(_: &mut Tx<BankB>, _: TransferOut) -> Result<(), Retry> {
    Ok(())
}

fn main() {}
