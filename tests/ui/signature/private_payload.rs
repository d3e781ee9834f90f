// A public branch takes a private payload.

use branchwire::prelude::*;
use serde::Deserialize;

#[derive(Clone, Database)]
pub struct BankB(sqlx::SqlitePool);

#[derive(Deserialize)]
struct TransferIn {}

#[msg_branch]
#[allow(private_interfaces)]
pub async fn trans_in(_: &mut Tx<BankB>, _: TransferIn) -> Result<(), Retry> {
    Ok(())
}

fn main() {}
