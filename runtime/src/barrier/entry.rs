//! The algorithm: whether a call runs its business.

use super::db::{BarrierDb, BarrierTx};
use super::row::BarrierKey;
use crate::database::Wait;

/// What the barrier says to a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Entry {
    /// The first call of its kind: run the business, in this transaction.
    Run,
    /// The call was applied before, or comes after its own cancel: report success without running the business.
    Repeat,
    /// The call would undo another one that never happened, and now never will: commit, and report success without running
    /// the business.
    NothingToUndo,
}

/// Begins the transaction of a branch, with its barrier rows.
///
/// The barrier rows go first. If the business took its locks first and the barrier row second, two calls could deadlock.
/// Source: DTM's barrier for branches.
///
/// # Errors
/// The database's own; nothing is left open.
pub async fn enter<B: BarrierDb>(db: &B, key: &BarrierKey) -> Result<(B::Tx, Entry), sqlx::Error> {
    let (tx, is_new, origin_is_new) = match key.op.origin() {
        None => {
            let (tx, is_new) = db.begin_with(Wait::Default, key.row()).await?;
            (tx, is_new, false)
        }
        Some(origin) => {
            let origin = key.row_of(origin.as_str(), key.op.as_str());
            let (mut tx, origin_is_new) = db.begin_with(Wait::Default, origin).await?;
            let is_new = tx.insert(key.row()).await?;
            (tx, is_new, origin_is_new)
        }
    };
    let entry = match (is_new, origin_is_new) {
        (false, _) => Entry::Repeat,
        (true, true) => Entry::NothingToUndo,
        (true, false) => Entry::Run,
    };
    Ok((tx, entry))
}

/// Leaves a transaction for which the barrier said [`Entry::Repeat`]: rolls it back, and returns once the effect of the
/// first call is durable.
///
/// # Errors
/// The database's own: do not report success then.
pub async fn leave_repeat<B: BarrierDb>(tx: B::Tx, db: &B, key: &BarrierKey) -> Result<(), sqlx::Error> {
    tx.rollback().await;
    match db.durable_reason(key.row()).await? {
        Some(_) => Ok(()),
        None => Err(sqlx::Error::RowNotFound),
    }
}
