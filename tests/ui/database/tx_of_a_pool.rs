// A branch's transaction is in a bare pool.

use branchwire::prelude::*;

#[msg_branch]
pub async fn trans_in(_: &mut Tx<sqlx::SqlitePool>) -> Result<(), Retry> {
    Ok(())
}

fn main() {}
