// A branch holds something across an await that cannot change threads.

use branchwire::prelude::*;

#[derive(Clone, Database)]
pub struct BankB(sqlx::SqlitePool);

#[msg_branch]
pub async fn trans_in(tx: &mut Tx<BankB>) -> Result<(), Retry> {
    let count = std::rc::Rc::new(1);
    sqlx::query("SELECT 1").execute(&mut *tx).await?;
    drop(count);
    Ok(())
}

fn main() {}
