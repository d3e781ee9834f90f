// A service's state lacks the database of a branch that the service has collected.

use branchwire::prelude::*;

#[derive(Clone, Database)]
pub struct BankA(sqlx::SqlitePool);

#[derive(Clone, Database)]
pub struct BankB(sqlx::SqlitePool);

#[msg_branch]
pub async fn bonus(_: &mut Tx<BankB>) -> Result<(), Retry> {
    Ok(())
}

#[branchwire::service("/api/bank-b")]
pub mod bank_b {
    #[branch]
    pub use super::bonus;
}

fn app(bank_a: BankA) -> axum::Router {
    bank_b::router().with_state(bank_a)
}

fn main() {}
