// A whole address in place of a path.

use branchwire::prelude::*;

#[derive(Clone, Database)]
pub struct Bank(sqlx::SqlitePool);

#[msg_branch("http://bank-b/trans-in")]
pub async fn trans_in(_: &mut Tx<Bank>) -> Result<(), Retry> {
    Ok(())
}

fn main() {}
