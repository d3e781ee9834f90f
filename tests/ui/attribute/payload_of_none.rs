// The option `payload` on a branch without a payload.

use branchwire::prelude::*;

#[derive(Clone, Database)]
pub struct Bank(sqlx::SqlitePool);

#[derive(serde::Deserialize)]
pub struct Query {
    pub amount: i64,
}

#[msg_branch(payload = Query)]
pub async fn trans_in(_: &mut Tx<Bank>) -> Result<(), Retry> {
    Ok(())
}

fn main() {}
