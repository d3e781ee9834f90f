// A service merged into a router of another state.

use branchwire::prelude::*;

#[derive(Clone, Database)]
pub struct Bank(sqlx::SqlitePool);

#[derive(Clone, Database)]
pub struct Orders(sqlx::SqlitePool);

#[branchwire::service("/api/bank-b")]
pub mod bank_b {
    use super::*;

    #[msg_branch]
    pub async fn bonus(_tx: &mut Tx<Bank>) -> Result<(), Retry> {
        Ok(())
    }
}

fn main() {
    let _ = axum::Router::<Orders>::new().merge(bank_b::router());
}
