// A message's branch returns an error that may refuse, under another name.

use branchwire::prelude::*;

#[derive(Clone, Database)]
pub struct BankB(sqlx::SqlitePool);

type Outcome = Result<(), BranchError>;

#[msg_branch]
pub async fn trans_in(_: &mut Tx<BankB>) -> Outcome {
    Ok(())
}

fn main() {}
