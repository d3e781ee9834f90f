// A branch of a service with a payload that cannot be read from JSON.

use branchwire::prelude::*;

#[derive(Clone, Database)]
pub struct Bank(sqlx::SqlitePool);

pub struct Transfer {
    pub amount: i64,
}

#[branchwire::service("/api/bank-b")]
pub mod bank_b {
    use super::*;

    #[msg_branch]
    pub async fn trans_in(_tx: &mut Tx<Bank>, _req: Transfer) -> Result<(), Retry> {
        Ok(())
    }
}

fn main() {}
