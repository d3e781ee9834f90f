// A branch of a service that is not async.

use branchwire::prelude::*;

#[derive(Clone, Database)]
pub struct Bank(sqlx::SqlitePool);

#[branchwire::service("/api/bank-b")]
pub mod bank_b {
    use super::*;

    #[msg_branch]
    pub fn trans_in(_: &mut Tx<Bank>) -> Result<(), Retry> {
        Ok(())
    }
}

fn main() {}
