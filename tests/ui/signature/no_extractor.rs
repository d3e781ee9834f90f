// A branch takes something that is neither extractor nor payload.

use branchwire::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Clone, Database)]
pub struct BankB(sqlx::SqlitePool);

#[derive(Serialize, Deserialize)]
pub struct TransferIn {
    pub amount: i64,
}

pub struct Clock;

#[msg_branch]
pub async fn trans_in(_: &mut Tx<BankB>, _: Clock, _: TransferIn) -> Result<(), Retry> {
    Ok(())
}

fn router() -> axum::Router<BankB> {
    axum::Router::new().branch::<trans_in>()
}

fn main() {}
