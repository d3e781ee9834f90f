//! Has the local transaction of an outbox row committed?

use super::OutboxDb;
use crate::barrier::db::BarrierTx;
use crate::barrier::outbox::{OutboxRow, OutboxState};
use crate::barrier::query_prepared::{QueryPreparedError, in_time};
use crate::database::{CommitError, Wait};
use crate::outcome::Prepared;
use crate::protocol::Gid;

/// The row decides, as the barrier row does for query-prepared: if it can be inserted with the state `rolled_back`, the local
/// transaction has not committed, and now never can.
///
/// # Errors
/// [`QueryPreparedError`]: it is not known.
pub(crate) async fn decide<B: OutboxDb>(db: &B, gid: &Gid) -> Result<Prepared, QueryPreparedError> {
    in_time::<B, _>(|| ask(db, gid)).await
}

async fn ask<B: OutboxDb>(db: &B, gid: &Gid) -> Result<Prepared, sqlx::Error> {
    let row = OutboxRow { gid: gid.as_str(), state: OutboxState::RolledBack, body: "", owner: "", due_in_ms: 0 };
    let (tx, is_new) = db.begin_with_message(Wait::Bounded, row).await?;
    if is_new {
        return tx.commit().await.map(|()| Prepared::RolledBack).map_err(CommitError::of_our_own);
    }
    // Nothing ran in it but the outbox's own insert.
    let _ = tx.rollback().await;
    // Nothing removes the row so soon: report an error, do not guess.
    db.durable_message(gid).await?.map(|record| record.state.decides()).ok_or(sqlx::Error::RowNotFound)
}
