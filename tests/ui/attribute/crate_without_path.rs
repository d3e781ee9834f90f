// The option `crate` is given nothing.

use branchwire::prelude::*;

#[derive(Clone, Database)]
pub struct BankB(sqlx::SqlitePool);

#[msg_branch(crate)]
pub async fn trans_in(_: &mut Tx<BankB>) -> Result<(), Retry> {
    Ok(())
}

fn main() {}
