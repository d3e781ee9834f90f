//! One call of a branch: the barrier, the business behind it, the commit, and retries. No HTTP.

use std::panic::AssertUnwindSafe;

use futures_core::future::BoxFuture;
use futures_util::FutureExt;

use crate::barrier::{self, BarrierDb, BarrierKey, BarrierTx, Entry};
use crate::database::{CommitError, Fault};
use crate::outcome::{BranchError, Prepared, Reply, Retry};

/// How often a branch's transaction is tried within one call, if the error is transient.
pub const ATTEMPTS_MAX: u32 = 3;

/// An annotated function with the arguments of one call, waiting for its transaction.
pub type Business<T> = Box<dyn for<'t> FnOnce(&'t mut T) -> BoxFuture<'t, Result<(), BranchError>> + Send>;

/// A call that has arrived, and from which its business can be made for each attempt.
pub(crate) trait Arrived<T>: Send + Sync {
    /// Reads the arguments of the business.
    ///
    /// # Errors
    /// The reply, if they cannot be read.
    fn business(&self) -> BoxFuture<'_, Result<Business<T>, Reply>>;
}

/// Why an attempt did not end in a reply.
#[derive(Debug)]
pub enum AttemptError {
    /// A retry of the whole transaction may succeed.
    Transient(Retry),
    /// It would fail again now.
    Permanent(Retry),
}

impl AttemptError {
    fn new(fault: Option<Fault>, reason: impl Into<Retry>) -> Self {
        if fault.is_some_and(Fault::is_transient) {
            Self::Transient(reason.into())
        } else {
            Self::Permanent(reason.into())
        }
    }

    fn database<B: BarrierDb>(error: sqlx::Error) -> Self {
        Self::new(Some(B::fault(&error)), error)
    }
}

/// Carries out one call of a branch: at most [`ATTEMPTS_MAX`] attempts.
pub(crate) async fn run<B: BarrierDb>(db: &B, key: &BarrierKey, call: &dyn Arrived<B::Tx>) -> Reply {
    for number in 1..=ATTEMPTS_MAX {
        let attempt = async {
            match call.business().await {
                Ok(business) => apply(db, key, business).await,
                Err(reply) => Ok(reply),
            }
        };
        match AssertUnwindSafe(attempt).catch_unwind().await {
            Ok(Ok(reply)) => return reply,
            Ok(Err(AttemptError::Transient(retry))) if number < ATTEMPTS_MAX => {
                tracing::warn!(error = retry.reason(), attempt = number, "rolled back; trying again");
            }
            Ok(Err(AttemptError::Transient(retry) | AttemptError::Permanent(retry))) => {
                tracing::error!(
                    error = retry.reason(),
                    attempt = number,
                    "rolled back; the coordinator will call again"
                );
                return Reply::Retry;
            }
            Err(_panic) => {
                tracing::error!("a panic: rolled back; the coordinator will call again");
                return Reply::Retry;
            }
        }
    }
    unreachable!("the last attempt returns")
}

/// Applies a branch, unless it was applied before: one attempt.
///
/// # Errors
/// [`AttemptError`]: it is rolled back, or the barrier row tells the next attempt that it was not.
pub async fn apply<B: BarrierDb>(db: &B, key: &BarrierKey, business: Business<B::Tx>) -> Result<Reply, AttemptError> {
    let (mut tx, entry) = barrier::enter(db, key).await.map_err(AttemptError::database::<B>)?;
    match entry {
        Entry::Run => {}
        Entry::NothingToUndo => return commit::<B>(tx).await,
        Entry::Repeat => {
            barrier::leave_repeat(tx, db, key).await.map_err(AttemptError::database::<B>)?;
            return Ok(Reply::Success);
        }
    }
    match business(&mut tx).await {
        Ok(()) => commit::<B>(tx).await,
        Err(error) => {
            let fault = tx.fault();
            tx.rollback().await;
            match error {
                BranchError::Retry(retry) => Err(AttemptError::new(fault, retry)),
                // A lost connection or a deadlock is no reason to refuse for good, even if the business made one of it.
                BranchError::Refused(reason) if fault.is_some_and(Fault::is_transient) => {
                    Err(AttemptError::Transient(Retry::new(reason)))
                }
                BranchError::Refused(reason) => {
                    tracing::info!(reason = &*reason as &dyn std::error::Error, "refused");
                    Ok(Reply::Refused)
                }
            }
        }
    }
}

async fn commit<B: BarrierDb>(tx: B::Tx) -> Result<Reply, AttemptError> {
    tx.commit().await.map(|()| Reply::Success).map_err(|error| {
        let fault = match &error {
            CommitError::Failed(fault) => *fault,
            CommitError::Refused(source) => B::fault(source),
            // The next attempt finds out from the barrier row.
            CommitError::Unknown(_) => Fault::Lost,
        };
        AttemptError::new(Some(fault), error)
    })
}

/// The reply to a query-prepared, from its answer.
pub(crate) async fn reply_to_query_prepared(answer: impl Future<Output = Result<Prepared, Retry>>) -> Reply {
    match AssertUnwindSafe(answer).catch_unwind().await {
        Ok(Ok(Prepared::Committed)) => Reply::Success,
        Ok(Ok(Prepared::RolledBack)) => Reply::Refused,
        Ok(Ok(Prepared::Ongoing)) => Reply::Ongoing,
        Ok(Err(retry)) => {
            tracing::error!(error = retry.reason(), "no answer; the coordinator will ask again");
            Reply::Retry
        }
        Err(_panic) => {
            tracing::error!("a panic; the coordinator will ask again");
            Reply::Retry
        }
    }
}
