//! Arguments are patterns.

use branchwire::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Clone, Database)]
pub struct Bank(sqlx::SqlitePool);

#[derive(Serialize, Deserialize)]
pub struct TransferIn {
    pub amount: i64,
}

#[msg_branch]
async fn trans_in(
    tx: &mut Tx<Bank>,
    #[allow(unused_mut)] mut context: BranchContext,
    TransferIn { amount }: TransferIn,
) -> Result<(), Retry> {
    let _ = (tx, &mut context, amount);
    Ok(())
}

#[test]
fn it_is_served() {
    let _: axum::Router<Bank> = axum::Router::new().branch::<trans_in>();
}
