// A message's branch returns an error that may refuse, named by its path.

use branchwire::prelude::*;

#[derive(Clone, Database)]
pub struct BankB(sqlx::SqlitePool);

#[msg_branch]
pub async fn trans_in(_: &mut Tx<BankB>) -> Result<(), branchwire::BranchError> {
    Ok(())
}

fn main() {}
