// The payload's name is misspelt.

use branchwire::prelude::*;

#[derive(Clone, Database)]
pub struct Bank(sqlx::SqlitePool);

#[derive(serde::Serialize, serde::Deserialize)]
pub struct Transfer {
    pub amount: i64,
}

#[msg_branch]
pub async fn trans_in(_: &mut Tx<Bank>, _: Transfr) -> Result<(), Retry> {
    Ok(())
}

fn main() {}
