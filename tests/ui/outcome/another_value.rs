// A message's branch hands back a value.

use branchwire::prelude::*;

#[derive(Clone, Database)]
pub struct BankB(sqlx::SqlitePool);

#[msg_branch]
pub async fn trans_in(_: &mut Tx<BankB>) -> Result<i64, Retry> {
    Ok(1)
}

fn main() {}
