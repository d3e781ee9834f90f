// A branch reads the body by an extractor, too.

use branchwire::prelude::*;

#[derive(Clone, Database)]
pub struct Bank(sqlx::SqlitePool);

#[derive(serde::Serialize, serde::Deserialize)]
pub struct Transfer {
    pub amount: i64,
}

#[msg_branch]
pub async fn trans_in(_: &mut Tx<Bank>, _: axum::Json<i64>, _: Transfer) -> Result<(), Retry> {
    Ok(())
}

fn main() {}
