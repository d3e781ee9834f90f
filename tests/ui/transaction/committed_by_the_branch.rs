// A branch commits by itself.

use branchwire::prelude::*;

#[derive(Clone, Database)]
pub struct Bank(sqlx::SqlitePool);

#[msg_branch]
pub async fn trans_in(tx: &mut Tx<Bank>) -> Result<(), Retry> {
    tx.commit().await?;
    Ok(())
}

fn main() {}
