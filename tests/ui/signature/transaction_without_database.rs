// A branch's transaction does not name its database.

use branchwire::prelude::*;

#[msg_branch]
pub async fn trans_in(tx: &mut Tx) -> Result<(), Retry> {
    sqlx::query("DELETE FROM account").execute(&mut *tx).await?;
    Ok(())
}

fn main() {}
