// A branch is generic.

use branchwire::prelude::*;

#[derive(Clone, Database)]
pub struct BankB(sqlx::SqlitePool);

#[msg_branch]
pub async fn trans_in<P: serde::de::DeserializeOwned>(_: &mut Tx<BankB>, _: P) -> Result<(), Retry> {
    Ok(())
}

fn main() {}
