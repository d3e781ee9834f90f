//! The local transaction of a message that is prepared, from its barrier row to the submit or the abort.
//!
//! The questions that are seldom asked are boxed: they would double the size of every sender's future.

use std::error::Error;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::outcome::{Done, NotDone};
use crate::barrier::{self, BarrierDb, BarrierKey, BarrierTx, Entry};
use crate::client::{Client, Submit};
use crate::pattern::NotStarted;
use crate::pattern::used::{self, Occasion, Used};
use crate::protocol::{Gid, Transaction};
use crate::{CommitError, Fault, Prepared};

/// How often a local transaction is tried, if another one is in its way.
pub(super) const ATTEMPTS_MAX: u32 = 10;

/// After this time it is not tried again.
const RETRY_WITHIN: Duration = Duration::from_secs(3);

/// The pause after the first attempt; it grows with each.
const PAUSE: Duration = Duration::from_millis(2);

/// A message, and the database of its local transaction.
pub(super) struct Local<'a, B> {
    client: Client,
    gid: Gid,
    transaction: Transaction,
    db: &'a B,
    started: Instant,
    attempts: u32,
}

/// What one attempt has led to.
pub(super) enum Attempt<T, E> {
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
pub(super) enum End<T> {
    /// Nothing of it remains.
    RolledBack,
    /// It is unknown whether it has committed; the business returned this.
    InDoubt(T),
    /// A statement of the business ended it, with this error of the database: a part may be committed.
    Early(String),
}

impl<'a, B: BarrierDb> Local<'a, B> {
    /// Prepares the message.
    ///
    /// # Errors
    /// What the caller is told, if it cannot be prepared or was sent before.
    pub(super) async fn prepare<T, E>(
        (client, gid, transaction): (Client, Gid, Transaction),
        db: &'a B,
    ) -> Result<Self, Result<Done<T>, NotDone<E>>> {
        match client.prepare(&transaction).await {
            Ok(()) => Ok(Self { client, gid, transaction, db, started: Instant::now(), attempts: 0 }),
            Err(error) => {
                let used = Box::pin(used::look_up(&client, db, &gid, &transaction, Occasion::of(&error))).await;
                let not_started = Err(NotDone::NotStarted(NotStarted::Coordinator(error)));
                Err(answer(used, gid).unwrap_or(not_started))
            }
        }
    }

    /// Runs the business in a transaction of its own, and commits.
    pub(super) async fn attempt<T, E, F>(&mut self, business: F) -> Attempt<T, E>
    where
        F: AsyncFnOnce(&mut B::Tx) -> Result<T, E>,
    {
        let mut tx = match self.enter().await {
            Ok((tx, Entry::Run)) => tx,
            Ok((tx, Entry::Repeat | Entry::NothingToUndo)) => {
                // Nothing ran in it but the barrier's own insert.
                let _ = tx.rollback().await;
                return Attempt::RowMet;
            }
            Err(error) => return Attempt::NotBegun(error),
        };
        match business(&mut tx).await {
            Ok(value) => match tx.commit().await {
                Ok(()) => Attempt::Committed(value),
                Err(error) => {
                    let (end, fault) = match &error {
                        CommitError::Failed(fault) => (End::RolledBack, Some(*fault)),
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

    /// Begins the transaction. Above READ COMMITTED an insert that meets another one is a conflict, and not a wait.
    async fn enter(&mut self) -> Result<(B::Tx, Entry), sqlx::Error> {
        let key = BarrierKey::local(self.gid.clone());
        loop {
            match barrier::enter(self.db, &key).await {
                Err(error) if B::fault(&error) == Fault::Conflict && self.may_try_again().await => {}
                entered => return entered,
            }
        }
    }

    /// Whether the attempt failed by a conflict with another transaction, and another one is due: it has waited for that.
    pub(super) async fn repeats<T, E>(&mut self, attempt: &Attempt<T, E>) -> bool {
        let Attempt::Ended { end: End::RolledBack, fault: Some(Fault::Conflict), .. } = attempt else { return false };
        self.may_try_again().await
    }

    async fn may_try_again(&mut self) -> bool {
        self.attempts += 1;
        let may = self.attempts < ATTEMPTS_MAX && self.started.elapsed() < RETRY_WITHIN;
        if may {
            tracing::info!(gid = %self.gid, attempt = self.attempts, "a conflict: rolled back; trying again");
            sleep(PAUSE * self.attempts).await;
        }
        may
    }

    /// Hands the message over, or aborts it, by what the last attempt has led to.
    ///
    /// # Errors
    /// [`NotDone`]: this call has changed nothing.
    pub(super) async fn finish<T, E>(self, attempt: Attempt<T, E>) -> Result<Done<T>, NotDone<E>> {
        let Self { client, gid, transaction, db, .. } = self;
        let (end, not_done) = match attempt {
            Attempt::Committed(value) => return Ok(hand_over(&client, gid, &transaction, value).await),
            Attempt::RowMet => {
                // No abort: an earlier call of this gid may have committed and not be submitted yet.
                let used = Box::pin(used::look_up(&client, db, &gid, &transaction, Occasion::RowMet)).await;
                return answer(used, gid.clone()).unwrap_or(Ok(Done::Unknown { gid }));
            }
            Attempt::NotBegun(source) if B::fault(&source) == Fault::Conflict => {
                return Err(NotDone::InProgress { gid, source });
            }
            Attempt::NotBegun(error) => return Err(NotDone::NotStarted(NotStarted::Database(error))),
            Attempt::Ended { end, not_done, .. } => (end, not_done),
        };
        // Called even if the rollback is certain: its barrier row keeps another call with the same gid from committing
        // after the abort.
        match (Box::pin(barrier::query_prepared(db, &gid)).await, end) {
            (Ok(Prepared::Committed), End::InDoubt(value)) => Ok(hand_over(&client, gid, &transaction, value).await),
            (Ok(Prepared::Committed), End::Early(cause)) => {
                tracing::error!(%gid, cause, "the message has committed, and a part of its business may be missing");
                // Only so that the branches are called sooner: otherwise the coordinator asks query-prepared.
                let _ = client.submit_or_query(&transaction).await;
                Ok(Done::EndedEarly { gid })
            }
            // Another call with this gid has committed between the rollback and query-prepared.
            (Ok(Prepared::Committed), End::RolledBack) => Ok(Done::Repeated { gid, finished: false }),
            (Ok(Prepared::RolledBack), _) => {
                if let Err(error) = client.abort(&transaction).await {
                    tracing::info!(%gid, error = &error as &dyn Error, "not aborted; the coordinator will ask");
                }
                Err(not_done)
            }
            (Ok(Prepared::Ongoing) | Err(_), End::InDoubt(_) | End::Early(_)) => Ok(Done::Unknown { gid }),
            (Ok(Prepared::Ongoing) | Err(_), End::RolledBack) => Err(not_done),
        }
    }
}

/// The result of a call whose gid was used before; `None` if it was not.
fn answer<T, E>(used: Used, gid: Gid) -> Option<Result<Done<T>, NotDone<E>>> {
    Some(match used {
        Used::Done { finished } => Ok(Done::Repeated { gid, finished }),
        Used::Stopped => Ok(Done::stopped(gid, None)),
        Used::Unknown => Ok(Done::Unknown { gid }),
        Used::GivenUp => Err(NotDone::GivenUp { gid }),
        Used::Another => Err(NotDone::OtherMessage { gid }),
        Used::Not => return None,
    })
}

/// Tells the coordinator that the local transaction has committed.
async fn hand_over<T>(client: &Client, gid: Gid, transaction: &Transaction, value: T) -> Done<T> {
    match client.submit_or_query(transaction).await {
        Submit::Acknowledged { finished } => Done::Submitted { gid, value, finished },
        // The coordinator has asked query-prepared before this submit arrived.
        Submit::Repeated => Done::Submitted { gid, value, finished: true },
        Submit::GivenUp | Submit::Stopped | Submit::Another => Done::stopped(gid, Some(value)),
        Submit::NotTaken(error) | Submit::Unknown(error) => {
            tracing::info!(%gid, error = &error as &dyn Error, "not submitted; the coordinator will ask");
            Done::Committed { gid, value }
        }
    }
}
