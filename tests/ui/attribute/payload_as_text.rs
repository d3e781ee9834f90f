// The option `payload` is given a text.

use branchwire::prelude::*;

#[derive(Clone, Database)]
pub struct Bank(sqlx::SqlitePool);

#[derive(serde::Deserialize)]
pub struct Query {
    pub amount: i64,
}

#[msg_branch(payload = "Query")]
pub async fn trans_in(_: &mut Tx<Bank>, _: i64) -> Result<(), Retry> {
    Ok(())
}

fn main() {}
