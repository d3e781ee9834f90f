// A branch takes its transaction by shared reference.

use branchwire::prelude::*;

#[derive(Clone, Database)]
pub struct BankB(sqlx::SqlitePool);

#[msg_branch]
pub async fn trans_in(_: &Tx<BankB>) -> Result<(), Retry> {
    Ok(())
}

fn main() {}
