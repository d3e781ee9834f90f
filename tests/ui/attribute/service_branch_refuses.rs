// A branch of a service that returns an error which can refuse.

use branchwire::prelude::*;

#[derive(Clone, Database)]
pub struct Bank(sqlx::SqlitePool);

#[branchwire::service("/api/bank-b")]
pub mod bank_b {
    use super::*;

    #[msg_branch]
    pub async fn trans_in(_: &mut Tx<Bank>) -> Result<(), BranchError> {
        Ok(())
    }
}

fn main() {}
