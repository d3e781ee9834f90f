// A branch has a constant parameter.

use branchwire::prelude::*;

#[derive(Clone, Database)]
pub struct BankB(sqlx::SqlitePool);

#[msg_branch]
pub async fn trans_in<const N: usize>(_: &mut Tx<BankB>, _: [u8; N]) -> Result<(), Retry> {
    Ok(())
}

fn main() {}
