// A branch is an associated function.

use branchwire::prelude::*;

#[derive(Clone, Database)]
pub struct BankB(sqlx::SqlitePool);

pub struct Accounts;

impl Accounts {
    #[msg_branch]
    pub async fn trans_in(_: &mut Tx<BankB>) -> Result<(), Retry> {
        Ok(())
    }
}

fn main() {}
