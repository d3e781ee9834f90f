// A message's branch that returns a result of sqlx.

use branchwire::prelude::*;

#[derive(Clone, Database)]
pub struct Bank(sqlx::SqlitePool);

#[msg_branch]
pub async fn trans_in(_tx: &mut Tx<Bank>) -> sqlx::Result<()> {
    Ok(())
}

fn main() {}
