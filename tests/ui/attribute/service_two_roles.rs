// A branch of a service with two roles.

use branchwire::prelude::*;

#[derive(Clone, Database)]
pub struct Bank(sqlx::SqlitePool);

#[branchwire::service("/api/bank-b")]
pub mod bank_b {
    use super::*;

    #[msg_branch]
    #[query_prepared]
    pub async fn trans_in(_: &mut Tx<Bank>) -> Result<(), Retry> {
        Ok(())
    }
}

fn main() {}
