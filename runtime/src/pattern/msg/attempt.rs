//! One attempt at a local transaction: the business, and the commit.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::outcome::NotDone;
use crate::barrier::{BarrierDb, BarrierTx};
use crate::protocol::Gid;
use crate::{CommitError, Fault};

/// How often a local transaction is tried, if another one is in its way.
const ATTEMPTS_MAX: u32 = 10;

/// After this time it is not tried again.
const RETRY_WITHIN: Duration = Duration::from_secs(3);

/// The pause after the first attempt; it grows with each.
const PAUSE: Duration = Duration::from_millis(2);

/// What one attempt has led to.
pub(in crate::pattern) enum Attempt<T, E> {
    Committed(T),
    /// There was a barrier row before.
    RowMet,
    /// The database did not begin the transaction.
    NotBegun(sqlx::Error),
    Ended {
        end: End<T>,
        /// What the caller is told if nothing has committed.
        not_done: NotDone<E>,
        /// Why nothing of it remains, if the database said so.
        fault: Option<Fault>,
    },
}

/// How the local transaction ended, if a commit is not certain.
pub(in crate::pattern) enum End<T> {
    /// Nothing of it remains.
    RolledBack,
    /// It is unknown whether it has committed; the business returned this.
    InDoubt(T),
    /// A statement of the business ended it, with this error of the database: a part may be committed.
    Early(String),
}

/// Runs the business in this transaction, and commits.
pub(in crate::pattern) async fn run<B: BarrierDb, T, E, F>(mut tx: B::Tx, business: F) -> Attempt<T, E>
where
    F: AsyncFnOnce(&mut B::Tx) -> Result<T, E>,
{
    match business(&mut tx).await {
        Ok(value) => match tx.commit().await {
            Ok(()) => Attempt::Committed(value),
            Err(error) => {
                let (end, fault) = match &error {
                    CommitError::Failed(first) => (End::RolledBack, Some(first.fault())),
                    CommitError::Refused(source) => (End::RolledBack, Some(B::fault(source))),
                    CommitError::Unknown(_) => (End::InDoubt(value), None),
                    CommitError::EndedEarly(_) => (End::Early(error.to_string()), None),
                };
                // If the barrier row shows no commit, the database's error is the reason.
                let error = match error {
                    CommitError::Unknown(source) => CommitError::Refused(source),
                    other => other,
                };
                Attempt::Ended { end, not_done: NotDone::NotCommitted(error), fault }
            }
        },
        Err(error) => {
            let fault = tx.fault();
            let not_done = NotDone::RolledBack(error);
            match tx.rollback().await {
                Ok(()) => Attempt::Ended { end: End::RolledBack, not_done, fault },
                Err(early) => {
                    let end = End::Early(format!("{early}: {}", early.0));
                    Attempt::Ended { end, not_done, fault: None }
                }
            }
        }
    }
}

/// How long one call goes on trying.
pub(in crate::pattern) struct Patience {
    gid: Gid,
    started: Instant,
    attempts: u32,
}

impl Patience {
    /// For the local transaction of this gid.
    pub(in crate::pattern) fn new(gid: Gid) -> Self {
        Self { gid, started: Instant::now(), attempts: 0 }
    }

    /// Whether the attempt failed by a conflict with another transaction, and another one is due: it has waited for that.
    pub(in crate::pattern) async fn repeats<T, E>(&mut self, attempt: &Attempt<T, E>) -> bool {
        let Attempt::Ended { end: End::RolledBack, fault: Some(Fault::Conflict), .. } = attempt else { return false };
        self.may_try_again().await
    }

    /// Whether another attempt is due: it has waited for that.
    pub(in crate::pattern) async fn may_try_again(&mut self) -> bool {
        self.attempts += 1;
        let may = self.attempts < ATTEMPTS_MAX && self.started.elapsed() < RETRY_WITHIN;
        if may {
            tracing::info!(gid = %self.gid, attempt = self.attempts, "a conflict: rolled back; trying again");
            sleep(PAUSE * self.attempts).await;
        }
        may
    }
}
