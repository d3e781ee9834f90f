//! One branch, without a service.

use branchwire::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Clone, Database)]
pub struct Bank(sqlx::SqlitePool);

#[derive(Serialize, Deserialize)]
pub struct TransferIn {
    pub amount: i64,
}

#[msg_branch]
async fn trans_in(_: &mut Tx<Bank>, _: TransferIn) -> Result<(), Retry> {
    Ok(())
}

#[test]
fn it_is_served_and_addressed() {
    let _: axum::Router<Bank> = axum::Router::new().branch::<trans_in>();
    let address = branchwire::at::<trans_in>("http://bank:1").unwrap();
    let _ = address.with(&TransferIn { amount: 30 });
    assert_eq!(<trans_in as branchwire::Branch>::ROUTE.path, "/trans-in");
}
