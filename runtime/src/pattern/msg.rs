//! The two-phase message: a local transaction, and branches that are then certain to be called.
//!
//! DTM's word is msg. The local transaction and the promise to call the branches are atomic, although they are in two
//! systems. First the message is prepared; then the local transaction commits a barrier row. If the process dies before
//! it has submitted, the coordinator asks query-prepared, which looks for that row.

pub(super) mod attempt;
mod local;
mod outcome;

use std::error::Error;
use std::time::Duration;

use self::local::Local;
pub use self::outcome::{Done, NotDone};
pub use super::NotStarted;
use super::business::LocalBusiness;
use super::options::{Options, Ready, shared_options, whole_seconds};
use crate::barrier::{BarrierDb, BarrierDialect};
use crate::branch::{MsgBranch, QueryPrepared};
use crate::client::{Client, Submit};
use crate::protocol::{Gid, Standing, Step, TransType, Transaction};
use crate::{Database, Tx};

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
    /// With a [`gid`](Self::gid) that was used before, the coordinator's status decides what the result is: [`Done::Repeated`],
    /// [`Done::Stopped`], [`NotDone::GivenUp`] or [`NotDone::OtherMessage`]. While the first message is being carried out, a DTM
    /// server acknowledges a second one as it did the first; then the result is [`Done::Submitted`] again.
    ///
    /// # Errors
    /// [`NotDone`]: this call has changed nothing. If the coordinator does not respond, its status is queried; if that
    /// is no help either, the result is [`Done::Unknown`].
    pub async fn submit(self) -> Result<Done<()>, NotDone<std::convert::Infallible>> {
        let ready = self.into_transaction(String::new()).map_err(NotDone::NotStarted)?;
        let earlier = ready.earlier().await;
        let Ready { client, gid, transaction, .. } = ready;
        if earlier.is_some_and(|earlier| earlier.standing_of(&transaction) == Standing::Another) {
            return Err(NotDone::OtherMessage { gid });
        }
        match client.submit_or_query(&transaction).await {
            Submit::Acknowledged { finished, known: true } => Ok(Done::Repeated { gid, finished }),
            Submit::Acknowledged { finished, known: false } => Ok(Done::Submitted { gid, value: (), finished }),
            Submit::Repeated => Ok(Done::Repeated { gid, finished: true }),
            Submit::Stopped => Ok(Done::stopped(gid, None)),
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
    /// everything is rolled back. A conflict with another transaction is such an error as well: a business that may be
    /// repeated is for [`do_and_submit_with_retries`](Self::do_and_submit_with_retries).
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
    /// `business` is an async closure, `async |tx| ..`. **Not** `|tx| async move { .. }`: such a closure cannot lend `tx` to its
    /// future, and rustc says *the business of a message is an async closure*. If rustc cannot infer the error's
    /// type (`type annotations needed`), call a function that has one, or end with `Ok::<_, DebitError>(value)`.
    ///
    /// # Errors
    /// [`NotDone`]: this call has changed nothing.
    pub async fn do_and_submit<D, T, E, F, I>(
        self,
        query_prepared: QueryPrepared<D>,
        db: &D,
        business: F,
    ) -> Result<Done<T>, NotDone<E>>
    where
        D: Database<Driver: BarrierDialect>,
        F: LocalBusiness<D, T, E, I>,
    {
        do_and_submit(self, query_prepared.url, db, business).await
    }

    /// [`do_and_submit`](Self::do_and_submit) with a business that may be repeated: after a conflict with another transaction
    /// (a serialization failure, a deadlock) it runs again, in a new transaction. At most ten times, within 3 seconds.
    ///
    /// For levels above READ COMMITTED, where conflicts are common: see [`Isolation`](crate::Isolation). What `business` does
    /// outside of its transaction it does in each attempt. That it may be repeated is in its type, [`AsyncFn`]: it moves
    /// nothing out of what it captures, where the business of [`do_and_submit`](Self::do_and_submit) may. It is cloned for
    /// each attempt; what it captures by reference is not.
    ///
    /// ```
    /// # use branchwire::prelude::*;
    /// # #[derive(Clone, Database)] struct Bank(sqlx::SqlitePool);
    /// # async fn debit(_: &mut Tx<Bank>, _: i64) -> Result<(), Retry> { Ok(()) }
    /// # async fn order(client: Client, bank: Bank, to: branchwire::MsgBranch, prepared: QueryPrepared<Bank>)
    /// # -> Result<(), Box<dyn std::error::Error>> {
    /// client.msg(to).do_and_submit_with_retries(prepared, &bank, async |tx| debit(tx, 30).await).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`NotDone`]: this call has changed nothing. After the last conflict it is what that attempt was told:
    /// [`NotDone::RolledBack`] or [`NotDone::NotCommitted`].
    pub async fn do_and_submit_with_retries<D, T, E, F>(
        self,
        query_prepared: QueryPrepared<D>,
        db: &D,
        business: F,
    ) -> Result<Done<T>, NotDone<E>>
    where
        D: Database<Driver: BarrierDialect>,
        F: AsyncFn(&mut Tx<D>) -> Result<T, E> + Clone,
    {
        do_and_submit_with_retries(self, query_prepared.url, db, business).await
    }

    /// The message in the coordinator's form.
    pub(super) fn into_transaction(self, query_prepared: String) -> Result<Ready, NotStarted> {
        let Self { client, branches, delay_s, options } = self;
        let (mut steps, mut payloads) = (Vec::new(), Vec::new());
        for (number, branch) in (1..).zip(branches) {
            steps.push(Step { action: branch.action.clone(), ..Step::default() });
            let payload = branch.into_payload(client.payload_limit());
            payloads.push(payload.map_err(|source| NotStarted::Payload { number, source })?);
        }
        let parts = Transaction {
            steps: Some(steps),
            payloads: Some(payloads),
            query_prepared,
            custom_data: if delay_s == 0 { String::new() } else { format!("{{\"delay\":{delay_s}}}") },
            ..Transaction::default()
        };
        options.ready(client, TransType::Msg, parts)
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
    let prepared = message.into_transaction(query_prepared).map_err(NotDone::NotStarted)?;
    match Local::prepare(prepared, db).await {
        Ok(mut local) => {
            let attempt = local.attempt(business).await;
            local.finish(attempt).await
        }
        Err(told) => told,
    }
}

/// [`Msg::do_and_submit_with_retries`], on any database that has a barrier.
///
/// # Errors
/// [`NotDone`]: this call has changed nothing.
#[doc(hidden)]
pub async fn do_and_submit_with_retries<B, T, E, F>(
    message: Msg,
    query_prepared: String,
    db: &B,
    business: F,
) -> Result<Done<T>, NotDone<E>>
where
    B: BarrierDb,
    F: AsyncFn(&mut B::Tx) -> Result<T, E> + Clone,
{
    let prepared = message.into_transaction(query_prepared).map_err(NotDone::NotStarted)?;
    match Local::prepare(prepared, db).await {
        Ok(mut local) => loop {
            // Not by reference: rustc cannot tell that the future of a borrowed async closure is `Send`.
            let attempt = local.attempt(business.clone()).await;
            if !local.patience.repeats(&attempt).await {
                break local.finish(attempt).await;
            }
        },
        Err(told) => told,
    }
}

#[cfg(all(test, feature = "sqlite"))]
mod tests;
