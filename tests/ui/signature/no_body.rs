// A branch has no body.

use branchwire::prelude::*;

#[derive(Clone, Database)]
pub struct BankB(sqlx::SqlitePool);

#[msg_branch]
pub async fn trans_in(_: &mut Tx<BankB>) -> Result<(), Retry>;

fn main() {}
