// A misspelt option of a branch of a service.

use branchwire::prelude::*;

#[derive(Clone, Database)]
pub struct Bank(sqlx::SqlitePool);

#[branchwire::service("/api/bank-b")]
pub mod bank_b {
    use super::*;

    #[msg_branch(no_paylod)]
    pub async fn trans_in(_tx: &mut Tx<Bank>) -> Result<(), Retry> {
        Ok(())
    }
}

fn main() {}
