// A payload is an `impl Trait`.

use branchwire::prelude::*;

#[derive(Clone, Database)]
pub struct BankB(sqlx::SqlitePool);

#[msg_branch]
pub async fn trans_in(_: &mut Tx<BankB>, _: impl serde::de::DeserializeOwned) -> Result<(), Retry> {
    Ok(())
}

fn main() {}
