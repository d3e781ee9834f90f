// A branch from elsewhere has the path of another one.

use branchwire::prelude::*;

#[derive(Clone, Database)]
pub struct BankB(sqlx::SqlitePool);

mod refunds {
    use super::*;

    #[msg_branch("/api/bank-b/trans-in")]
    pub async fn refund(_: &mut Tx<BankB>) -> Result<(), Retry> {
        Ok(())
    }
}

#[branchwire::service("/api/bank-b")]
pub mod bank_b {
    use super::*;

    #[branch]
    pub use super::refunds::refund;

    #[msg_branch]
    pub async fn trans_in(_: &mut Tx<BankB>) -> Result<(), Retry> {
        Ok(())
    }
}

fn main() {}
