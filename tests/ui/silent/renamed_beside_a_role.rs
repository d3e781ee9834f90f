// A second role stands there under another name.

use branchwire::prelude::*;

#[derive(Clone, Database)]
pub struct BankB(sqlx::SqlitePool);

#[branchwire::service("/api/bank-b")]
pub mod bank_b {
    use super::*;
    use branchwire::query_prepared as asked;

    #[msg_branch]
    pub async fn trans_in(_: &mut Tx<BankB>) -> Result<(), Retry> {
        Ok(())
    }

    #[msg_branch]
    #[asked]
    pub async fn ping(_: &mut Tx<BankB>) -> Result<(), Retry> {
        Ok(())
    }
}

fn main() {}
