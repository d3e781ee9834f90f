// A role is given under a condition and another name.

use branchwire::prelude::*;

#[derive(Clone, Database)]
pub struct BankB(sqlx::SqlitePool);

#[branchwire::service("/api/bank-b")]
pub mod bank_b {
    use super::*;
    use branchwire::msg_branch as mb;

    #[msg_branch]
    pub async fn trans_in(_: &mut Tx<BankB>) -> Result<(), Retry> {
        Ok(())
    }

    #[cfg_attr(all(), mb)]
    pub async fn ping(_: &mut Tx<BankB>) -> Result<(), Retry> {
        Ok(())
    }
}

fn main() {}
