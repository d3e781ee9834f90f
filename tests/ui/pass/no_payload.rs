//! Branches without a payload.

use branchwire::prelude::*;
use branchwire::{InvalidUrl, MsgBranch};

/// The accounts.
#[derive(Clone, Database)]
pub struct Bank(sqlx::SqlitePool);

/// Does nothing.
///
/// # Errors
/// None.
#[msg_branch]
pub async fn bonus(_: &mut Tx<Bank>) -> Result<(), Retry> {
    Ok(())
}

/// Says so.
///
/// # Errors
/// None.
#[msg_branch("/interest", no_payload)]
pub async fn interest(_: &mut Tx<Bank>) -> Result<(), Retry> {
    Ok(())
}

/// Its address is the branch itself.
///
/// # Errors
/// None.
pub fn branches() -> Result<[MsgBranch; 2], InvalidUrl> {
    let url = "http://bank-b:8080";
    Ok([branchwire::at::<bonus>(url)?, branchwire::at::<interest>(url)?])
}

#[test]
fn no_payload_is_listed() {
    use branchwire::Branch;

    assert_eq!((bonus::ROUTE.payload, interest::ROUTE.payload), ("", ""));
}
