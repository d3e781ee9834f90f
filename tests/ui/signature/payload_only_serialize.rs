// A payload that can be written as JSON, but not read.

use branchwire::prelude::*;

#[derive(Clone, Database)]
pub struct Bank(sqlx::SqlitePool);

#[derive(serde::Serialize)]
pub struct Transfer {
    pub amount: i64,
}

#[msg_branch]
pub async fn trans_in(_tx: &mut Tx<Bank>, _req: Transfer) -> Result<(), Retry> {
    Ok(())
}

fn main() {}
