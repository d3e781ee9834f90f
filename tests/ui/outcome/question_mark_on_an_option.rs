// A missing value handed on by `?`.

use branchwire::prelude::*;

#[derive(Clone, Database)]
pub struct Bank(sqlx::SqlitePool);

#[msg_branch]
pub async fn trans_in(tx: &mut Tx<Bank>) -> Result<(), Retry> {
    let limit: Option<i64> = None;
    limit?;
    Ok(())
}

fn main() {}
