// A message's branch uses `?` on an error that is no standard error.

use branchwire::prelude::*;

#[derive(Clone, Database)]
pub struct BankB(sqlx::SqlitePool);

fn look_up() -> Result<(), String> {
    Ok(())
}

#[msg_branch]
pub async fn trans_in(_: &mut Tx<BankB>) -> Result<(), Retry> {
    look_up()?;
    Ok(())
}

fn main() {}
