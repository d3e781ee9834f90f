// A branch takes its transaction by shared reference.

use branchwire::prelude::*;

#[derive(Clone, Database)]
pub struct BankB(sqlx::SqlitePool);

#[msg_branch]
pub async fn trans_in(tx: &Tx<BankB>) -> Result<(), Retry> {
    sqlx::query("DELETE FROM account").execute(&mut *tx).await?;
    Ok(())
}

fn main() {}
