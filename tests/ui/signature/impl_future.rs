// A branch returns a future instead of being async.

use branchwire::prelude::*;

#[derive(Clone, Database)]
pub struct BankB(sqlx::SqlitePool);

#[msg_branch]
pub fn trans_in(_: &mut Tx<BankB>) -> impl Future<Output = Result<(), Retry>> {
    async { Ok(()) }
}

fn main() {}
