// A router's state lacks what an extractor reads.

use branchwire::prelude::*;

#[derive(Clone, Database)]
pub struct BankB(sqlx::SqlitePool);

#[derive(Clone)]
struct Rate(f64);

#[msg_branch]
async fn trans_in(_: &mut Tx<BankB>, axum::extract::State(Rate(_)): axum::extract::State<Rate>) -> Result<(), Retry> {
    Ok(())
}

fn app(bank_b: BankB) -> axum::Router {
    axum::Router::new().branch::<trans_in>().with_state(bank_b)
}

fn main() {}
