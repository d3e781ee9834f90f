//! The algorithm: whether a call runs its business.

use super::db::{BarrierDb, BarrierTx};
use super::row::{BarrierKey, REASON_INCOMPLETE};
use crate::database::Wait;

/// What the barrier says to a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Entry {
    /// The first call of its kind: run the business, in this transaction.
    Run,
    /// The call was applied before, or comes after the call that undoes it: do not run the business.
    /// [`leave_repeat`] tells the two apart.
    Repeat,
    /// The call would undo another one that never happened, and now never will: commit, and report success without running
    /// the business.
    NothingToUndo,
    /// The call would confirm what was never tried, or was cancelled: never report success.
    NothingToConfirm,
}

/// Begins the transaction of a branch, with its barrier rows.
///
/// The barrier rows go first. If the business took its locks first and the barrier row second, two calls could deadlock.
/// Source: DTM's barrier for branches.
///
/// # Errors
/// The database's own; nothing is left open.
pub async fn enter<B: BarrierDb>(db: &B, key: &BarrierKey) -> Result<(B::Tx, Entry), sqlx::Error> {
    let (mut tx, is_new, origin_is_new) = match key.op.origin() {
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
        (true, _) if !was_tried(&mut tx, key).await? => Entry::NothingToConfirm,
        (true, true) => Entry::NothingToUndo,
        (true, false) => Entry::Run,
    };
    Ok((tx, entry))
}

/// Whether the call has no first half that must be applied, or its first half is applied.
async fn was_tried<T: BarrierTx>(tx: &mut T, key: &BarrierKey) -> Result<bool, sqlx::Error> {
    let Some(first) = key.op.completes() else { return Ok(true) };
    let reason = tx.reason(key.row_of(first.as_str(), first.as_str())).await?;
    Ok(reason.as_deref() == Some(first.as_str()))
}

/// What a call is for which the barrier said [`Entry::Repeat`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Repeated {
    /// The first call was applied: report success.
    Applied,
    /// The call that undoes this one has come: this one is not applied, or not any more, and never will be. Refuse it.
    ///
    /// A coordinator that has ended the transaction calls no branch again. But one that has forgotten it takes the same gid as
    /// new, and must not report as done what was undone.
    Late,
}

/// Why a repeated call cannot be reported as applied.
#[derive(Debug, thiserror::Error)]
pub enum RepeatError {
    /// The barrier row of the first call is marked as incomplete.
    #[error(
        "the first call of this branch committed only a part of its work, since a statement of it ended the transaction: \
         complete its work by hand, and then set the reason of its barrier row to its op"
    )]
    Incomplete,
    /// The database did not tell.
    #[error("the database did not tell whether the first call of this branch is durable")]
    Database(#[source] sqlx::Error),
}

/// Leaves a transaction for which the barrier said [`Entry::Repeat`]: rolls it back, and returns once the effect of the
/// first call is durable. The reason in the row is the op of that call.
///
/// # Errors
/// [`RepeatError`]: do not report success then.
pub async fn leave_repeat<B: BarrierDb>(tx: B::Tx, db: &B, key: &BarrierKey) -> Result<Repeated, RepeatError> {
    // Nothing ran in it but the barrier's own statements.
    let _ = tx.rollback().await;
    match db.durable_reason(key.row()).await.map_err(RepeatError::Database)?.as_deref() {
        Some(REASON_INCOMPLETE) => return Err(RepeatError::Incomplete),
        Some(reason) if reason == key.op.as_str() => {}
        Some(_) => return Ok(Repeated::Late),
        None => return Err(RepeatError::Database(sqlx::Error::RowNotFound)),
    }
    let Some(undo) = key.undone_by() else { return Ok(Repeated::Applied) };
    let undone = db.durable_reason(key.row_of(undo.as_str(), undo.as_str())).await.map_err(RepeatError::Database)?;
    Ok(if undone.is_some() { Repeated::Late } else { Repeated::Applied })
}

/// Marks a call whose business ended its transaction early: a part of its work may be missing, and a repeated call is then
/// not reported as applied. Returns whether its barrier row is committed; if it is not, nothing of the call is.
///
/// A process that dies between the early end and this mark leaves a row that looks complete.
///
/// # Errors
/// The database's own: the row may be marked or not.
pub(crate) async fn mark_incomplete<B: BarrierDb>(db: &B, key: &BarrierKey) -> Result<bool, sqlx::Error> {
    db.change_reason(key.row(), REASON_INCOMPLETE).await
}
