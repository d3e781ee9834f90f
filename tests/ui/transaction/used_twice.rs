// A transaction is given away, and used again.

use branchwire::prelude::*;

#[derive(Clone, Database)]
pub struct Bank(sqlx::SqlitePool);

#[msg_branch]
pub async fn trans_in(tx: &mut Tx<Bank>) -> Result<(), Retry> {
    sqlx::query("SELECT 1").execute(tx).await?;
    sqlx::query("SELECT 2").execute(tx).await?;
    Ok(())
}

fn main() {}
