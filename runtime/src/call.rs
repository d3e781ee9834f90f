//! One call of a branch: the barrier, the business behind it, the commit, and retries. No HTTP.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_core::future::BoxFuture;
use futures_util::FutureExt;
use tokio::time::Instant;

use crate::barrier::{self, BarrierDb, BarrierKey, BarrierTx, Entry, RepeatError, Repeated};
use crate::database::{CommitError, EndedEarly, Fault};
use crate::outcome::{BranchError, Prepared, Reply, Retry};

/// How often a branch's transaction is tried within one call, if the error is transient.
pub const ATTEMPTS_MAX: u32 = 3;

/// After this time there is no more retry within the call: DTM's coordinator has stopped waiting, and will call again.
const RETRY_WITHIN: Duration = Duration::from_secs(3);

/// An annotated function with the arguments of one call, waiting for its transaction.
pub type Business<T> = Box<dyn for<'t> FnOnce(&'t mut T) -> BoxFuture<'t, Result<(), BranchError>> + Send>;

/// A received call, from which the business of each attempt is made.
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
    /// A retry would fail now.
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
    let started = Instant::now();
    for number in 1..=ATTEMPTS_MAX {
        let attempt = async {
            match call.business().await {
                Ok(business) => apply(db, key, business).await,
                Err(reply) => Ok(reply),
            }
        };
        match AssertUnwindSafe(attempt).catch_unwind().await {
            Ok(Ok(reply)) => return reply,
            Ok(Err(AttemptError::Transient(retry))) if number < ATTEMPTS_MAX && started.elapsed() < RETRY_WITHIN => {
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
                tracing::error!("a panic; rolled back; the coordinator will call again");
                return Reply::Retry;
            }
        }
    }
    unreachable!("the last attempt returns")
}

/// Applies a branch, unless it was applied before: one attempt.
///
/// # Errors
/// [`AttemptError`]: it is rolled back; or it has committed, and the next attempt sees that in the barrier row.
pub async fn apply<B: BarrierDb>(db: &B, key: &BarrierKey, business: Business<B::Tx>) -> Result<Reply, AttemptError> {
    let (tx, entry) = barrier::enter(db, key).await.map_err(AttemptError::database::<B>)?;
    match entry {
        Entry::Run => {}
        Entry::NothingToUndo => return commit(tx, db, key).await,
        Entry::NothingToConfirm => {
            let _ = tx.rollback().await;
            let why = "alarm: this confirm has no try that is applied, so it is not carried out; somebody has to look";
            return Err(AttemptError::Permanent(Retry::new(why)));
        }
        Entry::Repeat => {
            return match barrier::leave_repeat(tx, db, key).await {
                Ok(Repeated::Applied) => Ok(Reply::Success),
                Ok(Repeated::Late) => {
                    tracing::info!("comes after the call that undoes it: refused");
                    Ok(Reply::Refused)
                }
                Err(RepeatError::Database(error)) => Err(AttemptError::database::<B>(error)),
                Err(error @ RepeatError::Incomplete) => Err(AttemptError::Permanent(error.into())),
            };
        }
    }
    let mut open = Open { tx: Some(tx), db, key };
    let done = AssertUnwindSafe(business(open.tx())).catch_unwind().await;
    let tx = open.close();
    match done {
        Ok(Ok(())) => commit(tx, db, key).await,
        Ok(Err(error)) => {
            let fault = tx.fault();
            if let Err(early) = tx.rollback().await {
                return Err(ended_early(early, db, key).await);
            }
            match error {
                BranchError::Retry(retry) => Err(AttemptError::new(fault, retry)),
                // A lost connection or a deadlock is never a refusal, even if the business turns its error into one.
                BranchError::Refused(reason) if fault.is_some_and(Fault::is_transient) => {
                    Err(AttemptError::Transient(Retry::new(reason)))
                }
                BranchError::Refused(reason) => {
                    tracing::info!(reason = &*reason as &dyn std::error::Error, "refused");
                    Ok(Reply::Refused)
                }
            }
        }
        Err(_panic) => Err(match tx.rollback().await {
            Ok(()) => AttemptError::Permanent(Retry::new("the business panicked")),
            Err(early) => ended_early(early, db, key).await,
        }),
    }
}

/// A transaction in which the business runs.
///
/// Dropped, because the caller has hung up, it is rolled back. A business that had ended it before must be noticed all the
/// same: otherwise the next call would be told that it was applied.
struct Open<'a, B: BarrierDb> {
    /// There until the business has returned.
    tx: Option<B::Tx>,
    db: &'a B,
    key: &'a BarrierKey,
}

impl<B: BarrierDb> Open<'_, B> {
    fn tx(&mut self) -> &mut B::Tx {
        self.tx.as_mut().expect("there until the business has returned")
    }

    fn close(mut self) -> B::Tx {
        self.tx.take().expect("there until the business has returned")
    }
}

impl<B: BarrierDb> Drop for Open<'_, B> {
    fn drop(&mut self) {
        let Some(tx) = self.tx.take() else { return };
        let (db, key) = (self.db.clone(), self.key.clone());
        B::abandon(tx, |early| {
            async move {
                let (AttemptError::Transient(retry) | AttemptError::Permanent(retry)) =
                    ended_early(early, &db, &key).await;
                tracing::error!(error = retry.reason(), "the caller of a branch has gone");
            }
            .boxed()
        });
    }
}

async fn commit<B: BarrierDb>(tx: B::Tx, db: &B, key: &BarrierKey) -> Result<Reply, AttemptError> {
    let error = match tx.commit().await {
        Ok(()) => return Ok(Reply::Success),
        Err(CommitError::EndedEarly(early)) => return Err(ended_early(early, db, key).await),
        Err(error) => error,
    };
    let fault = match &error {
        CommitError::Failed(first) => first.fault(),
        CommitError::Refused(source) => B::fault(source),
        // The next attempt learns from the barrier row whether it has committed.
        CommitError::Unknown(_) | CommitError::EndedEarly(_) => Fault::Lost,
    };
    Err(AttemptError::new(Some(fault), error))
}

/// The business ended its transaction: a part of its work may be committed, and must not count as the whole.
async fn ended_early<B: BarrierDb>(early: EndedEarly, db: &B, key: &BarrierKey) -> AttemptError {
    for number in 1..=ATTEMPTS_MAX {
        match barrier::mark_incomplete(db, key).await {
            Ok(true) => break,
            // It was rolled back: by the business, or by the database at a deadlock whose error the business ignored.
            Ok(false) => return AttemptError::Transient(early.into()),
            Err(error) => {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    attempt = number,
                    "a branch has committed a part of its work, and its barrier row could not be marked as incomplete"
                );
            }
        }
    }
    AttemptError::Permanent(early.into())
}

/// The reply of a query-prepared, from its answer.
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
