//! The local transaction of a message that is prepared, from its barrier row to the submit or the abort.
//!
//! The questions that are seldom asked are boxed: they would double the size of every sender's future.

use std::error::Error;

use super::attempt::{self, Attempt, End, Patience};
use super::outcome::{Done, NotDone};
use crate::barrier::{self, BarrierDb, BarrierKey, BarrierTx, Entry};
use crate::client::{Client, ClientError, Submit};
use crate::pattern::NotStarted;
use crate::pattern::options::Ready;

use crate::pattern::used::{self, Occasion, Used};
use crate::protocol::{Gid, Transaction};
use crate::{Fault, Prepared};

/// A message, and the database of its local transaction.
pub(super) struct Local<'a, B> {
    client: Client,
    gid: Gid,
    transaction: Transaction,
    db: &'a B,
    pub(super) patience: Patience,
}

impl<'a, B: BarrierDb> Local<'a, B> {
    /// Prepares the message.
    ///
    /// # Errors
    /// What the caller is told, if it cannot be prepared or was sent before.
    pub(super) async fn prepare<T, E>(ready: Ready, db: &'a B) -> Result<Self, Result<Done<T>, NotDone<E>>> {
        let prepared = ready.prepare().await;
        let Ready { client, gid, transaction, .. } = ready;
        match prepared {
            Ok(()) => Ok(Self { client, patience: Patience::new(gid.clone()), gid, transaction, db }),
            Err(ClientError::OtherTransaction { .. }) => Err(Err(NotDone::OtherMessage { gid })),
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
        let tx = match self.enter().await {
            Ok((tx, Entry::Run)) => tx,
            Ok((tx, Entry::Repeat | Entry::NothingToUndo | Entry::NothingToConfirm)) => {
                // Nothing ran in it but the barrier's own insert.
                let _ = tx.rollback().await;
                return Attempt::RowMet;
            }
            Err(error) => return Attempt::NotBegun(error),
        };
        attempt::run::<B, _, _, _>(tx, business).await
    }

    /// Begins the transaction. Above READ COMMITTED an insert that meets another one is a conflict, and not a wait.
    async fn enter(&mut self) -> Result<(B::Tx, Entry), sqlx::Error> {
        let key = BarrierKey::local(self.gid.clone());
        loop {
            match barrier::enter(self.db, &key).await {
                Err(error) if B::fault(&error) == Fault::Conflict && self.patience.may_try_again().await => {}
                entered => return entered,
            }
        }
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
        Submit::Acknowledged { finished, .. } => Done::Submitted { gid, value, finished },
        // The coordinator has asked query-prepared before this submit arrived.
        Submit::Repeated => Done::Submitted { gid, value, finished: true },
        Submit::GivenUp | Submit::Stopped | Submit::Another => Done::stopped(gid, Some(value)),
        Submit::NotTaken(error) | Submit::Unknown(error) => {
            tracing::info!(%gid, error = &error as &dyn Error, "not submitted; the coordinator will ask");
            Done::Committed { gid, value }
        }
    }
}
