// A service is to be described by OpenAPI, and the feature for it is off.

use branchwire::prelude::*;

#[derive(Clone, Database)]
pub struct BankB(sqlx::SqlitePool);

#[branchwire::service("/api/bank-b", openapi)]
pub mod bank_b {
    use super::*;

    #[msg_branch]
    pub async fn trans_in(_: &mut Tx<BankB>, _: i64) -> Result<(), Retry> {
        Ok(())
    }

    #[msg_branch]
    pub async fn refund(_: &mut Tx<BankB>, _: i64) -> Result<(), Retry> {
        Ok(())
    }
}

fn main() {}
