// A router's state lacks the database of one branch.

use branchwire::prelude::*;

#[derive(Clone, Database)]
pub struct BankA(sqlx::SqlitePool);

#[derive(Clone, Database)]
pub struct BankB(sqlx::SqlitePool);

#[msg_branch]
async fn trans_in(_: &mut Tx<BankB>) -> Result<(), Retry> {
    Ok(())
}

fn app(bank_a: BankA) -> axum::Router {
    axum::Router::new().branch::<trans_in>().with_state(bank_a)
}

fn main() {}
