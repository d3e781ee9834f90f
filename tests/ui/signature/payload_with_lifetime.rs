// A payload borrows.

use branchwire::prelude::*;
use serde::Deserialize;

#[derive(Clone, Database)]
pub struct BankB(sqlx::SqlitePool);

#[derive(Deserialize)]
pub struct TransferIn<'a> {
    pub note: &'a str,
}

#[msg_branch]
pub async fn trans_in(_: &mut Tx<BankB>, _: TransferIn<'_>) -> Result<(), Retry> {
    Ok(())
}

fn main() {}
