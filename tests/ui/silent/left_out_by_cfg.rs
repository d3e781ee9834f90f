// A branch that `#[cfg]` leaves out is called.

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

    #[cfg(any())]
    #[msg_branch]
    pub async fn bonus(_: &mut Tx<BankB>) -> Result<(), Retry> {
        Ok(())
    }
}

fn send(bank_b: bank_b::Remote) {
    let _ = bank_b.bonus();
}

fn main() {}
