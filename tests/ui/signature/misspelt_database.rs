// The database's name is misspelt.

use branchwire::prelude::*;

#[derive(Clone, Database)]
pub struct Bank(sqlx::SqlitePool);

#[msg_branch]
pub async fn trans_in(_: &mut Tx<Bnak>) -> Result<(), Retry> {
    Ok(())
}

fn main() {}
