// A payload is named, and there is said to be none.

use branchwire::prelude::*;

#[derive(Clone, Database)]
pub struct Bank(sqlx::SqlitePool);

#[derive(serde::Deserialize)]
pub struct Query {
    pub amount: i64,
}

#[msg_branch(no_payload, payload = Query)]
pub async fn trans_in(_: &mut Tx<Bank>, _: Query) -> Result<(), Retry> {
    Ok(())
}

fn main() {}
