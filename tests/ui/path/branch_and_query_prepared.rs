// A branch and a query-prepared have one path.

use branchwire::prelude::*;

#[derive(Clone, Database)]
pub struct BankB(sqlx::SqlitePool);

#[branchwire::service("/api/bank-b")]
pub mod bank_b {
    use super::*;

    #[msg_branch("/in")]
    pub async fn trans_in(_: &mut Tx<BankB>) -> Result<(), Retry> {
        Ok(())
    }

    #[query_prepared("/in")]
    pub fn transfer_prepared(db: BankB);
}

fn main() {}
