// A role in a saga, which Branchwire does not have.

use branchwire::prelude::*;

#[derive(Clone, Database)]
pub struct BankB(sqlx::SqlitePool);

#[branchwire::service("/api/bank-b")]
pub mod bank_b {
    use super::*;

    /// Credits an account, or refuses.
    #[saga_action]
    pub async fn trans_in(_: &mut Tx<BankB>, _: i64) -> Result<(), BranchError> {
        Ok(())
    }

    #[msg_branch]
    pub async fn refund(_: &mut Tx<BankB>, _: i64) -> Result<(), Retry> {
        Ok(())
    }
}

fn main() {}
