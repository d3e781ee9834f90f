// A message's branch returns the database's error.

use branchwire::prelude::*;

#[derive(Clone, Database)]
pub struct BankB(sqlx::SqlitePool);

#[msg_branch]
pub async fn trans_in(_: &mut Tx<BankB>) -> Result<(), sqlx::Error> {
    Ok(())
}

fn main() {}
