// A path without quotes.

use branchwire::prelude::*;

#[derive(Clone, Database)]
pub struct Bank(sqlx::SqlitePool);

#[msg_branch(/in)]
pub async fn trans_in(_tx: &mut Tx<Bank>) -> Result<(), Retry> {
    Ok(())
}

fn main() {}
