//! A payload that is only received need not be written.

use branchwire::prelude::*;
use serde::Deserialize;

#[derive(Clone, Database)]
pub struct Bank(sqlx::SqlitePool);

#[derive(Deserialize)]
pub struct TransferIn {
    pub amount: i64,
}

#[branchwire::service("/bank")]
pub mod bank {
    use super::*;

    #[msg_branch]
    pub async fn trans_in(_: &mut Tx<Bank>, req: TransferIn) -> Result<(), Retry> {
        let _ = req.amount;
        Ok(())
    }
}

#[test]
fn it_is_served() {
    let _: axum::Router<Bank> = bank::router();
}
