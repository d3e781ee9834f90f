// The option `payload` names another type than the last argument has.

use branchwire::prelude::*;

#[derive(Clone, Database)]
pub struct Bank(sqlx::SqlitePool);

#[derive(serde::Deserialize)]
pub struct Query {
    pub amount: i64,
}

#[msg_branch(payload = Query)]
pub async fn trans_in(_: &mut Tx<Bank>, amount: i64) -> Result<(), Retry> {
    let _ = amount;
    Ok(())
}

fn main() {}
