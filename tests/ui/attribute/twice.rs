// An attribute stands there twice.

use branchwire::prelude::*;

#[derive(Clone, Database)]
pub struct BankB(sqlx::SqlitePool);

#[msg_branch]
#[msg_branch]
pub async fn trans_in(_: &mut Tx<BankB>) -> Result<(), Retry> {
    Ok(())
}

fn main() {}
