//! Has the local transaction of a message committed? The barrier row knows.

use std::time::Duration;

use futures_core::future::BoxFuture;
use tokio::time::Instant;

use super::db::{BarrierDb, BarrierTx};
use super::row::{BarrierKey, REASON_ROLLBACK};
use crate::database::{CommitError, Fault, Wait};
use crate::outcome::{Prepared, Retry};
use crate::protocol::{Gid, Op};

/// How long query-prepared may take in all. The timeout of DTM's call is 3 seconds.
pub const QUERY_PREPARED_TIMEOUT: Duration = Duration::from_secs(1);

/// How often query-prepared is tried within one call.
const ATTEMPTS_MAX: u32 = 3;

/// Why query-prepared could not tell whether the local transaction has committed. It never means "it has not".
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum QueryPreparedError {
    /// The local transaction may still be running: ask again.
    #[error("the local transaction may still be running")]
    Ongoing(#[source] Option<sqlx::Error>),
    /// The database did not answer the question: ask again.
    #[error("the database did not say whether the local transaction has committed")]
    Unknown(#[source] sqlx::Error),
}

/// Has the local transaction of this message committed? DTM's word: query-prepared.
///
/// Inserts the row that the local transaction inserts. If the row is new, the local transaction has not committed, and now
/// never can. The insert waits for a local transaction that is still open; a plain read would not. It takes at most
/// [`QUERY_PREPARED_TIMEOUT`] in all.
///
/// # Errors
/// [`QueryPreparedError`]: ask again later.
pub async fn query_prepared<B: BarrierDb>(db: &B, gid: &Gid) -> Result<Prepared, QueryPreparedError> {
    let key = BarrierKey::local(gid.clone());
    in_time::<B, _>(|| ask(db, &key)).await
}

/// Asks until there is an answer, a few times, within [`QUERY_PREPARED_TIMEOUT`].
pub(super) async fn in_time<B: BarrierDb, F>(mut ask: impl FnMut() -> F) -> Result<Prepared, QueryPreparedError>
where
    F: Future<Output = Result<Prepared, sqlx::Error>>,
{
    let started = Instant::now();
    let answer = async {
        let mut attempts = 1..ATTEMPTS_MAX;
        loop {
            match ask().await {
                // In a deadlock the database ends one transaction at once, perhaps this one: retry. A conflict that comes
                // late is a lock timeout: the local transaction is still open.
                Err(error)
                    if B::fault(&error) == Fault::Conflict
                        && started.elapsed() < QUERY_PREPARED_TIMEOUT / 2
                        && attempts.next().is_some() => {}
                answer => return answer,
            }
        }
    };
    tokio::time::timeout(QUERY_PREPARED_TIMEOUT, answer)
        .await
        .map_err(|_elapsed| QueryPreparedError::Ongoing(None))?
        .map_err(|error| match B::fault(&error) {
            Fault::Conflict => QueryPreparedError::Ongoing(Some(error)),
            Fault::Lost | Fault::Statement => QueryPreparedError::Unknown(error),
        })
}

async fn ask<B: BarrierDb>(db: &B, key: &BarrierKey) -> Result<Prepared, sqlx::Error> {
    let row = key.row_of(key.op.as_str(), REASON_ROLLBACK);
    let (tx, is_new) = db.begin_with(Wait::Bounded, row).await?;
    if is_new {
        return tx.commit().await.map(|()| Prepared::RolledBack).map_err(CommitError::of_our_own);
    }
    // Nothing ran in it but the barrier's own insert.
    let _ = tx.rollback().await;
    // Nothing removes the row while its message lives: report an error, do not guess.
    decided(db, &key.gid).await?.ok_or(sqlx::Error::RowNotFound)
}

/// What the row of a message's local transaction says, durable when this returns; `None` without a row.
///
/// # Errors
/// The database's own: nothing was learned.
pub(crate) async fn decided<B: BarrierDb>(db: &B, gid: &Gid) -> Result<Option<Prepared>, sqlx::Error> {
    match db.durable_reason(BarrierKey::local(gid.clone()).row()).await?.as_deref() {
        None => Ok(None),
        Some(REASON_ROLLBACK) => Ok(Some(Prepared::RolledBack)),
        Some(reason) if reason == Op::Msg.as_str() => Ok(Some(Prepared::Committed)),
        // Nothing writes other reasons: report an error, do not guess.
        Some(_) => Err(sqlx::Error::RowNotFound),
    }
}

/// A database whose barrier answers a query-prepared that has no body.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a database",
    label = "not a database",
    note = "a database is a newtype of an sqlx pool: `#[derive(Clone, Database)] pub struct Bank(sqlx::SqlitePool);`"
)]
pub trait AskBarrier {
    /// The answer of the barrier, as a query-prepared returns it.
    ///
    /// # Errors
    /// The database did not tell: to be asked again.
    fn ask_barrier(&self, gid: Gid) -> BoxFuture<'_, Result<Prepared, Retry>>;
}

#[diagnostic::do_not_recommend]
impl<B: BarrierDb> AskBarrier for B {
    fn ask_barrier(&self, gid: Gid) -> BoxFuture<'_, Result<Prepared, Retry>> {
        Box::pin(async move {
            match query_prepared(self, &gid).await {
                Ok(prepared) => Ok(prepared),
                Err(QueryPreparedError::Ongoing(source)) => {
                    tracing::debug!(%gid, ?source, "the local transaction may still be running");
                    Ok(Prepared::Ongoing)
                }
                Err(error @ QueryPreparedError::Unknown(_)) => Err(error.into()),
            }
        })
    }
}
