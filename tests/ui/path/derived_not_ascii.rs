// A name that is not ASCII has no path.

use branchwire::prelude::*;

#[derive(Clone, Database)]
pub struct BankB(sqlx::SqlitePool);

#[msg_branch]
pub async fn überweisen(_: &mut Tx<BankB>) -> Result<(), Retry> {
    Ok(())
}

fn main() {}
