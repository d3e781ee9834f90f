// A branch is not async.

use branchwire::prelude::*;

#[derive(Clone, Database)]
pub struct BankB(sqlx::SqlitePool);

#[msg_branch]
pub fn trans_in(tx: &mut Tx<BankB>) -> Result<(), Retry> {
    sqlx::query("DELETE FROM account").execute(&mut *tx).await?;
    Ok(())
}

fn main() {}
