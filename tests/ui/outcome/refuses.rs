// A message's branch refuses with `?`.

use branchwire::OrRefuse;
use branchwire::prelude::*;

#[derive(Clone, Database)]
pub struct BankB(sqlx::SqlitePool);

#[msg_branch]
pub async fn trans_in(_: &mut Tx<BankB>) -> Result<(), Retry> {
    None.or_refuse("no such account")?;
    Ok(())
}

fn main() {}
