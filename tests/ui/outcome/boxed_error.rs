// A message's branch that returns a boxed error.

use branchwire::prelude::*;

#[derive(Clone, Database)]
pub struct Bank(sqlx::SqlitePool);

#[msg_branch]
pub async fn trans_in(_tx: &mut Tx<Bank>) -> Result<(), Box<dyn std::error::Error>> {
    Ok(())
}

fn main() {}
