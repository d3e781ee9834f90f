// A branch's transaction is in a type that is no database.

use branchwire::prelude::*;

pub struct BankB(sqlx::SqlitePool);

#[msg_branch]
pub async fn trans_in(_: &mut Tx<BankB>) -> Result<(), Retry> {
    Ok(())
}

fn main() {}
