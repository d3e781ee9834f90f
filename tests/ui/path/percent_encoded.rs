// A path in percent-encoding.

use branchwire::prelude::*;

#[derive(Clone, Database)]
pub struct Bank(sqlx::SqlitePool);

#[msg_branch("/trans%20in")]
pub async fn trans_in(_: &mut Tx<Bank>) -> Result<(), Retry> {
    Ok(())
}

fn main() {}
