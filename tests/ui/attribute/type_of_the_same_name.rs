// A type has the name of a branch.

use branchwire::prelude::*;

#[derive(Clone, Database)]
pub struct BankB(sqlx::SqlitePool);

#[msg_branch]
pub async fn trans_in(_: &mut Tx<BankB>) -> Result<(), Retry> {
    Ok(())
}

#[allow(non_camel_case_types)]
pub struct trans_in {}

fn main() {}
