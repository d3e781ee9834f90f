//! The two-phase message: a local transaction, and branches that are then certain to be called.
//!
//! DTM's word is msg. The local transaction and the promise to call the branches are atomic, although they are in two
//! systems. First the message is prepared; then the local transaction commits a barrier row. If the process dies before
//! it has submitted, the coordinator asks query-prepared, which looks for that row.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use super::BusinessError;
pub use super::NotStarted;
use super::options::{Options, shared_options, whole_seconds};
use super::used::{self, Occasion, Used};
use crate::barrier::{self, BarrierDb, BarrierDialect, BarrierKey, BarrierTx, Entry};
use crate::branch::{MsgBranch, QueryPrepared};
use crate::client::{Client, Submit};
use crate::protocol::{Gid, Step, TransType, Transaction};
use crate::{CommitError, Database, Fault, Prepared, Tx};

/// A message before it is sent: at least one branch, and its options.
///
/// Made by [`Client::msg`]; sent once, by [`do_and_submit`](Self::do_and_submit) or [`submit`](Self::submit).
///
/// Durations are sent in whole seconds, rounded up.
#[derive(Debug)]
#[must_use = "a message does nothing until it is sent: `.do_and_submit(..)` or `.submit()`"]
pub struct Msg {
    client: Client,
    branches: Vec<MsgBranch>,
    delay_s: i64,
    options: Options,
}

/// The list of branches is empty: such a message would do nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a message needs at least one branch")]
pub struct NoBranches;

/// The result of a sent message. Do not send it again: it has committed, or may have.
///
/// Exhaustive: each caller has to handle every case, also a new one.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use = "it says whether the coordinator has heard of the message"]
pub enum Done<T> {
    /// Committed here, and the coordinator has acknowledged it: every branch will be applied.
    Submitted {
        /// The message's gid.
        gid: Gid,
        /// What the business returned.
        value: T,
        /// Whether every branch is known to be applied already. Usually true with [`Msg::wait_result`].
        finished: bool,
    },
    /// Committed here, and the coordinator has not acknowledged it yet. The coordinator will ask query-prepared, and
    /// every branch will be applied: this is not an error, and nothing is to be done.
    Committed {
        /// The message's gid.
        gid: Gid,
        /// What the business returned.
        value: T,
    },
    /// An earlier call with this gid has committed (or, without a local transaction, was submitted): every branch will
    /// be applied, once. This call has changed nothing, and its business has not run.
    ///
    /// Answer your own caller as you did the first time.
    Repeated {
        /// The message's gid.
        gid: Gid,
        /// Whether every branch is known to be applied already; [`Client::outcome`](crate::protocol::client::Client::outcome)
        /// waits for it.
        finished: bool,
    },
    /// Committed, now or earlier, but an administrator has ended the message at the coordinator in the meantime (a
    /// forced stop, an abort by hand): its branches will not be called any more. This needs a person: nothing repairs
    /// it automatically.
    Stopped {
        /// The message's gid.
        gid: Gid,
        /// What the business returned; `None` if an earlier call has committed.
        value: Option<T>,
    },
    /// A statement of the business ended the local transaction: on MySQL a procedure with `COMMIT`, say. What ran
    /// before that statement has committed, what ran after it has not; the message counts as committed, and every
    /// branch will be applied. The log has the database's error.
    ///
    /// This needs a person: a part of the business may be missing. Repair the business, see
    /// [`EndedEarly`](crate::EndedEarly).
    EndedEarly {
        /// The message's gid.
        gid: Gid,
    },
    /// It is not known yet whether it has committed. The coordinator will ask query-prepared, and then complete or end
    /// the message; [`Client::outcome`](crate::protocol::client::Client::outcome) waits for that.
    Unknown {
        /// The message's gid.
        gid: Gid,
    },
}

impl<T> Done<T> {
    /// The message's gid.
    pub fn gid(&self) -> &Gid {
        match self {
            Self::Submitted { gid, .. }
            | Self::Committed { gid, .. }
            | Self::Repeated { gid, .. }
            | Self::Stopped { gid, .. }
            | Self::EndedEarly { gid }
            | Self::Unknown { gid } => gid,
        }
    }
}

/// Why a message was not sent. In every case this call has changed nothing.
///
/// Whether the same gid may be tried again is in [`may_retry_same_gid`](Self::may_retry_same_gid):
///
/// | variant | the same gid again? |
/// |---|---|
/// | [`NotStarted`](Self::NotStarted) | Yes. A payload that cannot be sent has to change first |
/// | [`InProgress`](Self::InProgress) | Yes: the result is then that of the other call, which is running now |
/// | [`GivenUp`](Self::GivenUp) | No: it is used up |
/// | [`RolledBack`](Self::RolledBack), [`NotCommitted`](Self::NotCommitted) | No: the coordinator ends it as failed |
/// | [`OtherMessage`](Self::OtherMessage) | No: it belongs to another message |
///
/// If the same order may be tried again later, make its gid from the order and the attempt: [`Msg::gid`].
///
/// Its [`source`](Error::source) is the cause, as `anyhow` and logs show it; with [`RolledBack`](Self::RolledBack) it
/// is the business's own error.
///
/// Exhaustive: each caller has to handle every case, also a new one.
#[derive(Debug)]
pub enum NotDone<E> {
    /// It was not begun: the business has not run.
    NotStarted(NotStarted),
    /// An earlier call with this gid was given up: nothing has happened under this gid, and nothing will. Its local
    /// transaction was rolled back, or did not commit before the coordinator asked.
    GivenUp {
        /// The gid, which is used up.
        gid: Gid,
    },
    /// Another call with this gid is running now, and holds the lock on its barrier row; or the database is too busy to
    /// tell. Not begun.
    ///
    /// To wait: send it again, or [`Client::outcome`](crate::protocol::client::Client::outcome).
    InProgress {
        /// The gid.
        gid: Gid,
        /// The database's error about the row.
        source: sqlx::Error,
    },
    /// Another message than this one was sent under this gid earlier: other branches, or another payload. Not begun.
    ///
    /// Noticed only while the coordinator still has the other message.
    OtherMessage {
        /// The gid, which belongs to the other message.
        gid: Gid,
    },
    /// The business returned an error. Its transaction is rolled back, and no branch will be called.
    RolledBack(E),
    /// The business succeeded, but its transaction could not be committed: rolled back, and no branch will be called.
    NotCommitted(CommitError),
}

impl<E> NotDone<E> {
    /// Whether the same gid may be tried again. If not, it is used up, and another attempt needs another gid.
    ///
    /// Retry soon: the coordinator gives up a message that was prepared and not submitted after
    /// [`Msg::timeout_to_fail`], and the result is then [`GivenUp`](Self::GivenUp).
    pub const fn may_retry_same_gid(&self) -> bool {
        match self {
            Self::NotStarted(_) | Self::InProgress { .. } => true,
            Self::GivenUp { .. } | Self::OtherMessage { .. } | Self::RolledBack(_) | Self::NotCommitted(_) => false,
        }
    }
}

impl<E> fmt::Display for NotDone<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotStarted(_) => f.write_str("the message was not started"),
            Self::GivenUp { gid } => write!(f, "the gid {gid} was given up earlier: nothing has happened, use another"),
            Self::InProgress { gid, .. } => {
                write!(f, "another call with the gid {gid} is at work, or the database is too busy to say")
            }
            Self::OtherMessage { gid } => write!(f, "the gid {gid} belongs to another message"),
            Self::RolledBack(_) => f.write_str("the business refused: rolled back"),
            Self::NotCommitted(_) => f.write_str("the local transaction could not be committed: rolled back"),
        }
    }
}

impl<E: BusinessError> Error for NotDone<E> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::NotStarted(cause) => Some(cause),
            Self::GivenUp { .. } | Self::OtherMessage { .. } => None,
            Self::InProgress { source, .. } => Some(source),
            Self::RolledBack(cause) => Some(cause.as_cause()),
            Self::NotCommitted(cause) => Some(cause),
        }
    }
}

impl Client {
    /// A message to this branch, and to those that are [added](Msg::add).
    pub fn msg(&self, first: MsgBranch) -> Msg {
        Msg::new(self, vec![first])
    }

    /// A message to a computed list of branches.
    ///
    /// # Errors
    /// [`NoBranches`] if there are none.
    pub fn msg_all(&self, branches: impl IntoIterator<Item = MsgBranch>) -> Result<Msg, NoBranches> {
        let branches: Vec<_> = branches.into_iter().collect();
        if branches.is_empty() { Err(NoBranches) } else { Ok(Msg::new(self, branches)) }
    }
}

impl Msg {
    fn new(client: &Client, branches: Vec<MsgBranch>) -> Self {
        Self { client: client.clone(), branches, delay_s: 0, options: Options::default() }
    }

    /// Adds a branch, called after those before it (or at once with them, if [`concurrent`](Self::concurrent)).
    #[expect(clippy::should_implement_trait, reason = "the word of the protocol; a message is no number")]
    pub fn add(mut self, next: MsgBranch) -> Self {
        self.branches.push(next);
        self
    }

    /// [Adds](Self::add) each of these, in their order; an [`Option`] is one or none.
    pub fn add_all(mut self, next: impl IntoIterator<Item = MsgBranch>) -> Self {
        self.branches.extend(next);
        self
    }

    shared_options!();

    /// Delays the branches for this long after the message was prepared.
    pub fn delay(mut self, delay: Duration) -> Self {
        self.delay_s = whole_seconds(delay);
        self
    }

    /// Calls all branches at once instead of one after another.
    pub fn concurrent(mut self) -> Self {
        self.options.wire.concurrent = true;
        self
    }

    /// Waits for one run over all branches before it returns; the result says whether that finished the message.
    pub fn wait_result(mut self) -> Self {
        self.options.wire.wait_result = true;
        self
    }

    /// The age of a prepared message at which the coordinator asks query-prepared. DTM's default: 35 s.
    ///
    /// Choose longer than the local transaction can take; asking earlier does no harm but costs a call.
    pub fn timeout_to_fail(mut self, timeout: Duration) -> Self {
        self.options.wire.timeout_to_fail = whole_seconds(timeout);
        self
    }

    /// Sends the message without a local transaction: every branch will be applied.
    ///
    /// # Errors
    /// [`NotDone`]: this call has changed nothing. If the coordinator does not respond, its status is queried; if that
    /// is no help either, the result is [`Done::Unknown`].
    pub async fn submit(self) -> Result<Done<()>, NotDone<std::convert::Infallible>> {
        let (client, gid, transaction) = self.into_transaction(String::new()).map_err(NotDone::NotStarted)?;
        match client.submit_or_query(&transaction).await {
            Submit::Acknowledged { finished } => Ok(Done::Submitted { gid, value: (), finished }),
            Submit::Repeated => Ok(Done::Repeated { gid, finished: true }),
            Submit::Stopped => Ok(stopped(gid, None)),
            Submit::GivenUp => Err(NotDone::GivenUp { gid }),
            Submit::Another => Err(NotDone::OtherMessage { gid }),
            Submit::NotTaken(error) => Err(NotDone::NotStarted(NotStarted::Coordinator(error))),
            Submit::Unknown(error) => {
                tracing::warn!(%gid, error = &error as &dyn Error, "it is not known whether it was submitted");
                Ok(Done::Unknown { gid })
            }
        }
    }

    /// Runs `business` in a transaction of `db`, and sends the message if, and only if, it commits.
    ///
    /// DTM's word: `DoAndSubmit`. `query_prepared` is the address where the coordinator can ask about a transaction in
    /// the same database; the types ensure that. `business` runs once, and gets the transaction; on its error
    /// everything is rolled back.
    ///
    /// It returns a [`Done`] if the message has committed or may have, and an error only if this call has changed
    /// nothing: so a caller who uses `?` never repeats a committed message. If its future is dropped half-way, the
    /// coordinator does the rest.
    ///
    /// With a [`gid`](Self::gid) that was used before, `business` does not run, and the result tells why:
    /// [`Done::Repeated`], [`NotDone::GivenUp`] or [`NotDone::InProgress`]. The barrier row decides that, or else the
    /// coordinator's status.
    ///
    /// ```
    /// # use branchwire::prelude::*;
    /// # #[derive(Clone, Database)] pub struct BankA(sqlx::SqlitePool);
    /// # #[derive(Clone, Database)] pub struct BankB(sqlx::SqlitePool);
    /// # #[derive(serde::Serialize, serde::Deserialize)] pub struct TransferIn { pub amount: i64 }
    /// # #[branchwire::service("/api/bank-b")] pub mod bank_b { use super::*;
    /// #     #[msg_branch] pub async fn trans_in(_: &mut Tx<BankB>, _: TransferIn) -> Result<(), Retry> { Ok(()) } }
    /// # #[branchwire::service("/api/bank-a")] pub mod bank_a { use super::*;
    /// #     #[query_prepared] pub fn transfer_prepared(db: BankA); }
    /// #[derive(Debug, thiserror::Error)]
    /// enum DebitError {
    ///     #[error("not enough money")]
    ///     NotEnoughMoney,
    ///     #[error("the database failed")]
    ///     Database(#[from] sqlx::Error),
    /// }
    ///
    /// async fn debit(tx: &mut Tx<BankA>, amount: i64) -> Result<(), DebitError> {
    ///     let debit = sqlx::query("UPDATE account SET balance = balance - $1 WHERE balance >= $1");
    ///     let done = debit.bind(amount).execute(&mut *tx).await?;
    ///     if done.rows_affected() == 1 { Ok(()) } else { Err(DebitError::NotEnoughMoney) }
    /// }
    ///
    /// async fn transfer(client: &Client, db: &BankA, bank_a: &bank_a::Remote, bank_b: &bank_b::Remote) -> http::StatusCode {
    ///     let message = client.msg(bank_b.trans_in(&TransferIn { amount: 30 }));
    ///     let done = message.do_and_submit(bank_a.transfer_prepared(), db, async |tx| debit(tx, 30).await).await;
    ///     match done {
    ///         // Committed here; the branch will be applied.
    ///         Ok(Done::Submitted { .. } | Done::Committed { .. } | Done::Repeated { .. }) => http::StatusCode::OK,
    ///         // Not known yet: the coordinator finds out, and `client.outcome(&gid)` waits for it.
    ///         Ok(Done::Unknown { .. }) => http::StatusCode::ACCEPTED,
    ///         // Committed, and a person has to look.
    ///         Ok(Done::Stopped { .. } | Done::EndedEarly { .. }) => http::StatusCode::INTERNAL_SERVER_ERROR,
    ///         // The business said no.
    ///         Err(NotDone::RolledBack(DebitError::NotEnoughMoney)) => http::StatusCode::CONFLICT,
    ///         // Nothing has happened; the caller may try again.
    ///         Err(_) => http::StatusCode::SERVICE_UNAVAILABLE,
    ///     }
    /// }
    /// # fn main() {}
    /// ```
    ///
    /// `business` is an async closure, `async |tx| ..`. **Not** `|tx| async move { .. }`: such a closure lends `tx` to its future
    /// for too short a time, and rustc reports that in several errors (``implementation of `AsyncFnOnce` is not general
    /// enough``, ``lifetime may not live long enough``), none of which names the remedy. If rustc cannot infer the error's
    /// type (`type annotations needed`), call a function that has one, or end with `Ok::<_, DebitError>(value)`.
    ///
    /// # Errors
    /// [`NotDone`]: this call has changed nothing.
    pub async fn do_and_submit<D, T, E, F>(
        self,
        query_prepared: QueryPrepared<D>,
        db: &D,
        business: F,
    ) -> Result<Done<T>, NotDone<E>>
    where
        D: Database<Driver: BarrierDialect>,
        F: AsyncFnOnce(&mut Tx<D>) -> Result<T, E>,
    {
        do_and_submit(self, query_prepared.url, db, business).await
    }

    /// The message in the coordinator's form.
    fn into_transaction(self, query_prepared: String) -> Result<(Client, Gid, Transaction), NotStarted> {
        let Self { client, branches, delay_s, options: Options { gid, wire: options } } = self;
        let gid = gid.unwrap_or_else(Gid::random);
        let (mut steps, mut payloads) = (Vec::new(), Vec::new());
        for (number, branch) in (1..).zip(branches) {
            steps.push(Step { action: branch.action.clone(), ..Step::default() });
            let payload = branch.into_payload(client.payload_limit());
            payloads.push(payload.map_err(|source| NotStarted::Payload { number, source })?);
        }
        let mut transaction = Transaction {
            gid: gid.to_string(),
            trans_type: TransType::Msg.to_string(),
            steps: Some(steps),
            payloads: Some(payloads),
            query_prepared,
            custom_data: if delay_s == 0 { String::new() } else { format!("{{\"delay\":{delay_s}}}") },
            options,
            ..Transaction::default()
        };
        client.seal(&mut transaction).map_err(NotStarted::Unsignable)?;
        Ok((client, gid, transaction))
    }
}

/// [`Msg::do_and_submit`], on any database that has a barrier.
///
/// # Errors
/// [`NotDone`]: this call has changed nothing.
#[doc(hidden)]
pub async fn do_and_submit<B, T, E, F>(
    message: Msg,
    query_prepared: String,
    db: &B,
    business: F,
) -> Result<Done<T>, NotDone<E>>
where
    B: BarrierDb,
    F: AsyncFnOnce(&mut B::Tx) -> Result<T, E>,
{
    let (client, gid, transaction) = message.into_transaction(query_prepared).map_err(NotDone::NotStarted)?;
    if let Err(error) = client.prepare(&transaction).await {
        let used = used::look_up(&client, db, &gid, &transaction, Occasion::of(&error)).await;
        return answer(used, gid).unwrap_or(Err(NotDone::NotStarted(NotStarted::Coordinator(error))));
    }
    let mut tx = match barrier::enter(db, &BarrierKey::local(gid.clone())).await {
        Ok((tx, Entry::Run)) => tx,
        Ok((tx, Entry::Repeat | Entry::NothingToUndo)) => {
            // Nothing ran in it but the barrier's own insert.
            let _ = tx.rollback().await;
            // No abort: an earlier call of this gid may have committed and not be submitted yet.
            let used = used::look_up(&client, db, &gid, &transaction, Occasion::RowMet).await;
            return answer(used, gid.clone()).unwrap_or(Ok(Done::Unknown { gid }));
        }
        Err(source) if B::fault(&source) == Fault::Conflict => return Err(NotDone::InProgress { gid, source }),
        Err(error) => return Err(NotDone::NotStarted(NotStarted::Database(error))),
    };
    let (end, not_done) = match business(&mut tx).await {
        Ok(value) => match tx.commit().await {
            Ok(()) => return Ok(hand_over(&client, gid, &transaction, value).await),
            // If the barrier row shows no commit, the database's error is the reason.
            Err(CommitError::Unknown(error)) => {
                (End::InDoubt(value), NotDone::NotCommitted(CommitError::Refused(error)))
            }
            Err(error @ CommitError::EndedEarly(_)) => (End::Early(error.to_string()), NotDone::NotCommitted(error)),
            Err(error) => (End::RolledBack, NotDone::NotCommitted(error)),
        },
        Err(error) => match tx.rollback().await {
            Ok(()) => (End::RolledBack, NotDone::RolledBack(error)),
            Err(early) => (End::Early(format!("{early}: {}", early.0)), NotDone::RolledBack(error)),
        },
    };
    // Called even if the rollback is certain: its barrier row keeps another call with the same gid from committing
    // after the abort.
    match (barrier::query_prepared(db, &gid).await, end) {
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

/// How the local transaction ended, if a commit is not certain.
enum End<T> {
    /// Nothing of it remains.
    RolledBack,
    /// It is unknown whether it has committed; the business returned this.
    InDoubt(T),
    /// A statement of the business ended it, with this error of the database: a part may be committed.
    Early(String),
}

/// The result of a call whose gid was used before; `None` if it was not.
fn answer<T, E>(used: Used, gid: Gid) -> Option<Result<Done<T>, NotDone<E>>> {
    Some(match used {
        Used::Done { finished } => Ok(Done::Repeated { gid, finished }),
        Used::Stopped => Ok(stopped(gid, None)),
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
        Submit::GivenUp | Submit::Stopped | Submit::Another => stopped(gid, Some(value)),
        Submit::NotTaken(error) | Submit::Unknown(error) => {
            tracing::info!(%gid, error = &error as &dyn Error, "not submitted; the coordinator will ask");
            Done::Committed { gid, value }
        }
    }
}

fn stopped<T>(gid: Gid, value: Option<T>) -> Done<T> {
    tracing::error!(%gid, "the message has committed, but was ended at the coordinator: its branches are not called");
    Done::Stopped { gid, value }
}

#[cfg(all(test, feature = "sqlite"))]
mod tests;
