// A service collects a function without a role.

use branchwire::prelude::*;

#[derive(Clone, Database)]
pub struct BankB(sqlx::SqlitePool);

pub mod fees {
    use super::*;

    pub async fn fee(_: &mut Tx<BankB>) -> Result<(), Retry> {
        Ok(())
    }
}

#[branchwire::service("/api/bank-b")]
pub mod bank_b {
    #[branch]
    pub use super::fees::fee;
}

fn main() {}
