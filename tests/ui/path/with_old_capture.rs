// A path captures a segment in the old way.

use branchwire::prelude::*;

#[derive(Clone, Database)]
pub struct BankB(sqlx::SqlitePool);

#[msg_branch("/in/:id")]
pub async fn trans_in(_: &mut Tx<BankB>) -> Result<(), Retry> {
    Ok(())
}

fn main() {}
