// A misspelt branch.

use branchwire::prelude::*;

#[derive(Clone, Database)]
pub struct Bank(sqlx::SqlitePool);

#[msg_branch]
pub async fn bonus(_tx: &mut Tx<Bank>) -> Result<(), Retry> {
    Ok(())
}

fn main() {
    let _ = branchwire::at::<bonu>("http://bank-b:8080");
}
