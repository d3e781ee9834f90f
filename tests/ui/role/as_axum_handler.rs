// A branch is given to axum as a handler.

use branchwire::prelude::*;

#[derive(Clone, Database)]
pub struct Bank(sqlx::SqlitePool);

#[derive(serde::Serialize, serde::Deserialize)]
pub struct Transfer {
    pub amount: i64,
}

#[msg_branch]
pub async fn trans_in(_: &mut Tx<Bank>, _: Transfer) -> Result<(), Retry> {
    Ok(())
}

pub fn router() -> axum::Router<Bank> {
    axum::Router::new().route("/trans-in", axum::routing::post(trans_in))
}

fn main() {}
