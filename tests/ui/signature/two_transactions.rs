// A branch takes two transactions.

use branchwire::prelude::*;

#[derive(Clone, Database)]
pub struct BankA(sqlx::SqlitePool);

#[derive(Clone, Database)]
pub struct BankB(sqlx::SqlitePool);

#[msg_branch]
pub async fn trans_in(_: &mut Tx<BankB>, _: &mut Tx<BankA>) -> Result<(), Retry> {
    Ok(())
}

fn main() {}
