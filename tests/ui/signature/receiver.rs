// A branch takes self.

use branchwire::prelude::*;

#[derive(Clone, Database)]
pub struct BankB(sqlx::SqlitePool);

#[msg_branch]
pub async fn trans_in(&self, _: &mut Tx<BankB>) -> Result<(), Retry> {
    Ok(())
}

fn main() {}
