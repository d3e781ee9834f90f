// The payload that the option names is not the last argument.

use branchwire::prelude::*;

#[derive(Clone, Database)]
pub struct Bank(sqlx::SqlitePool);

#[derive(serde::Deserialize)]
pub struct Query {
    pub amount: i64,
}

#[msg_branch(payload = Query)]
pub async fn trans_in(_: &mut Tx<Bank>, _: Query, _: BranchContext) -> Result<(), Retry> {
    Ok(())
}

fn main() {}
