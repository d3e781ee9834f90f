// A path has a query.

use branchwire::prelude::*;

#[derive(Clone, Database)]
pub struct BankB(sqlx::SqlitePool);

#[msg_branch("/in?fast=1")]
pub async fn trans_in(_: &mut Tx<BankB>) -> Result<(), Retry> {
    Ok(())
}

fn main() {}
