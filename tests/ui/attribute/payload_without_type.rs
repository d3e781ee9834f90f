// The option `payload` without a type.

use branchwire::prelude::*;

#[derive(Clone, Database)]
pub struct Bank(sqlx::SqlitePool);

#[derive(serde::Deserialize)]
pub struct TransferIn {
    pub amount: i64,
}

#[msg_branch(payload)]
pub async fn trans_in(_: &mut Tx<Bank>, _: TransferIn) -> Result<(), Retry> {
    Ok(())
}

fn main() {}
