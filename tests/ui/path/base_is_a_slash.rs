// A base path that is a slash.

use branchwire::prelude::*;

#[derive(Clone, Database)]
pub struct Bank(sqlx::SqlitePool);

#[branchwire::service("/")]
pub mod bank_b {
    use super::*;

    #[msg_branch]
    pub async fn trans_in(_tx: &mut Tx<Bank>) -> Result<(), Retry> {
        Ok(())
    }
}

fn main() {}
