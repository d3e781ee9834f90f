// Two services have one path.

use branchwire::prelude::*;

#[derive(Clone, Database)]
pub struct BankB(sqlx::SqlitePool);

#[branchwire::service("/api/bank-b")]
pub mod bank_b {
    use super::*;

    #[msg_branch]
    pub async fn trans_in(_: &mut Tx<BankB>) -> Result<(), Retry> {
        Ok(())
    }

    #[msg_branch]
    pub async fn ping(_: &mut Tx<BankB>) -> Result<(), Retry> {
        Ok(())
    }
}

#[branchwire::service("/api/bank-b")]
pub mod bank_a {
    use super::*;

    #[msg_branch("/ping")]
    pub async fn alive(_: &mut Tx<BankB>) -> Result<(), Retry> {
        Ok(())
    }
}

fn app(bank_b: BankB) -> axum::Router {
    branchwire::services![bank_a, bank_b].with_state(bank_b)
}

fn main() {}
