//! Docs in all their forms, which the branch shares with its function.

use branchwire::prelude::*;

/// The accounts.
#[derive(Clone, Database)]
pub struct Bank(sqlx::SqlitePool);

/// Credits an account.
///
/// ```ignore
/// trans_in(&mut tx).await?;
/// ```
///
/// # Errors
/// None.
#[msg_branch]
pub async fn trans_in(_: &mut Tx<Bank>) -> Result<(), Retry> {
    Ok(())
}

#[doc = concat!("Credits", " an account.")]
#[doc = "# Errors\nNone."]
#[cfg_attr(any(), doc = "Not here.")]
#[doc(alias = "credit")]
#[msg_branch]
pub async fn computed(_: &mut Tx<Bank>) -> Result<(), Retry> {
    Ok(())
}

#[doc(hidden)]
#[msg_branch]
pub async fn hidden(_: &mut Tx<Bank>) -> Result<(), Retry> {
    Ok(())
}

/** In a block,
on two lines.

# Errors
None. */
#[msg_branch]
pub async fn block(_: &mut Tx<Bank>) -> Result<(), Retry> {
    Ok(())
}

#[test]
fn the_first_line_is_listed() {
    use branchwire::Branch;

    assert_eq!(trans_in::ROUTE.doc, "Credits an account.");
    assert_eq!(block::ROUTE.doc, "In a block,");
}
