// A message's branch that hands on what a refusing function says.

use branchwire::prelude::*;

#[derive(Clone, Database)]
pub struct Bank(sqlx::SqlitePool);

pub async fn check(_: &mut Tx<Bank>) -> Result<(), BranchError> {
    Ok(())
}

#[msg_branch]
pub async fn trans_in(tx: &mut Tx<Bank>) -> Result<(), Retry> {
    check(tx).await?;
    Ok(())
}

fn main() {}
