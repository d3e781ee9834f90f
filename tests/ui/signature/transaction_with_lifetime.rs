// A branch names the lifetime of its transaction.

use branchwire::prelude::*;

#[derive(Clone, Database)]
pub struct BankB(sqlx::SqlitePool);

#[msg_branch]
pub async fn trans_in<'t>(_: &'t mut Tx<BankB>) -> Result<(), Retry> {
    Ok(())
}

fn main() {}
