// A role in a TCC, which Branchwire does not have, by its whole name.

use branchwire::prelude::*;

#[derive(Clone, Database)]
pub struct BankB(sqlx::SqlitePool);

#[branchwire::service("/api/bank-b")]
pub mod bank_b {
    use super::*;

    #[branchwire::tcc_try("/freeze")]
    pub async fn freeze(_: &mut Tx<BankB>, _: i64) -> Result<(), BranchError> {
        Ok(())
    }

    #[msg_branch]
    pub async fn refund(_: &mut Tx<BankB>, _: i64) -> Result<(), Retry> {
        Ok(())
    }
}

fn main() {}
