// A payload with a part that cannot be read from JSON.

use branchwire::prelude::*;

#[derive(Clone, Database)]
pub struct Bank(sqlx::SqlitePool);

pub struct Transfer {
    pub amount: i64,
}

#[msg_branch]
pub async fn trans_in(_tx: &mut Tx<Bank>, _req: Vec<Transfer>) -> Result<(), Retry> {
    Ok(())
}

fn main() {}
