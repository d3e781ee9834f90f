// An option with a value that it does not take.

use branchwire::prelude::*;

#[derive(Clone, Database)]
pub struct Bank(sqlx::SqlitePool);

#[msg_branch(no_payload = true)]
pub async fn trans_in(_tx: &mut Tx<Bank>) -> Result<(), Retry> {
    Ok(())
}

fn main() {}
