//! Paths that are given, and paths of names.

use branchwire::prelude::*;

/// The accounts.
#[derive(Clone, Database)]
pub struct Bank(sqlx::SqlitePool);

/// Does nothing.
///
/// # Errors
/// None.
#[msg_branch("/api/bank-b/TransIn")]
pub async fn trans_in(_: &mut Tx<Bank>) -> Result<(), Retry> {
    Ok(())
}

/// Does nothing.
///
/// # Errors
/// None.
#[msg_branch("/v1.2/~in_/")]
pub async fn odd(_: &mut Tx<Bank>) -> Result<(), Retry> {
    Ok(())
}

/// Does nothing.
///
/// # Errors
/// None.
#[allow(non_snake_case)]
#[msg_branch()]
pub async fn transIn2(_: &mut Tx<Bank>) -> Result<(), Retry> {
    Ok(())
}

/// Asks the barrier.
#[query_prepared("/asked")]
pub fn transfer_prepared(db: Bank);

#[test]
fn a_path_is_what_was_given_or_the_name() {
    use branchwire::Branch;

    let paths = [trans_in::ROUTE.path, odd::ROUTE.path, transIn2::ROUTE.path, transfer_prepared::ROUTE.path];
    assert_eq!(paths, ["/api/bank-b/TransIn", "/v1.2/~in_/", "/transIn2", "/asked"]);
}
