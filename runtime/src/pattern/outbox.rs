//! Messages and sagas that are sent by an outbox: a local transaction, and what it promises to send.

use super::NotStarted;
use super::business::LocalBusiness;
use super::msg::attempt::{self, Attempt, End, Patience};
use super::msg::{Done, Msg, NotDone};
use super::options::Ready;
use super::saga::Saga;
use crate::barrier::outbox::OutboxState;
use crate::barrier::outbox_db::OutboxDb;
use crate::barrier::{BarrierDialect, BarrierTx};
use crate::client::Client;
use crate::outbox::{HandedOver, Outbox, SagaSent};
use crate::protocol::{Gid, Standing, TransType, Transaction, is_same_payload};
use crate::{Database, Fault, Prepared, Tx};

impl Msg {
    /// Runs `business` in a transaction of the outbox's database, and sends the message if, and only if, it commits.
    ///
    /// The transaction writes one row with the message, before the business. After the commit the message is submitted at
    /// once; if that is lost, the outbox's relay submits it. So nothing is prepared, no query-prepared is needed, and the
    /// business goes on while the coordinator is away: [which of the two messages](crate::outbox#which-of-the-two-messages).
    ///
    /// It returns a [`Done`] if the message has committed or may have, and an error only if this call has changed nothing.
    /// [`Done::Committed`]: the message is in the outbox, and will be sent. [`Done::Stopped`]: the coordinator does not take
    /// it; see [`Outbox::stuck`]. If its future is dropped half-way, the relay does the rest.
    ///
    /// With a [`gid`](Self::gid) that was used before, `business` does not run, and the result is that of the first call, as
    /// with [`do_and_submit`](Self::do_and_submit). After [`NotDone::RolledBack`] and [`NotDone::NotCommitted`] the same gid may
    /// be sent again: nothing was written. (Only if the commit had no clear answer, or the business ended its transaction
    /// itself, a row may have closed the gid; the result is then [`NotDone::GivenUp`].)
    ///
    /// ```
    /// # use branchwire::prelude::*;
    /// # use branchwire::outbox::Outbox;
    /// # #[derive(Clone, Database)] struct Bank(sqlx::SqlitePool);
    /// # async fn debit(_: &mut Tx<Bank>, _: i64) -> Result<(), Retry> { Ok(()) }
    /// # async fn order(client: Client, outbox: Outbox<Bank>, to: branchwire::MsgBranch)
    /// # -> Result<(), Box<dyn std::error::Error>> {
    /// client.msg(to).send_with(&outbox, async |tx| debit(tx, 30).await).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`NotDone`]: this call has changed nothing.
    pub async fn send_with<D, T, E, F, I>(self, outbox: &Outbox<D>, business: F) -> Result<Done<T>, NotDone<E>>
    where
        D: Database<Driver: BarrierDialect>,
        F: LocalBusiness<D, T, E, I>,
    {
        send_with(self, outbox, business).await
    }

    /// [`send_with`](Self::send_with) with a business that may be repeated, as
    /// [`do_and_submit_with_retries`](Self::do_and_submit_with_retries) repeats it.
    ///
    /// # Errors
    /// [`NotDone`]: this call has changed nothing.
    pub async fn send_with_retries<D, T, E, F>(self, outbox: &Outbox<D>, business: F) -> Result<Done<T>, NotDone<E>>
    where
        D: Database<Driver: BarrierDialect>,
        F: AsyncFn(&mut Tx<D>) -> Result<T, E> + Clone,
    {
        let Ready { gid, transaction, .. } = self.into_transaction(String::new()).map_err(NotDone::NotStarted)?;
        let mut sending = Sending::new(outbox, gid, transaction).map_err(NotDone::NotStarted)?;
        loop {
            // Not by reference: rustc cannot tell that the future of a borrowed async closure is `Send`.
            let attempt = sending.attempt(business.clone()).await;
            if !sending.patience.repeats(&attempt).await {
                return sending.finish(attempt).await;
            }
        }
    }
}

impl Saga {
    /// Runs `business` in a transaction of the outbox's database, and begins the saga if, and only if, it commits.
    ///
    /// As [`Msg::send_with`]. The saga's steps may refuse: then they are undone, and the local transaction is not.
    ///
    /// ```
    /// # use branchwire::prelude::*;
    /// # use branchwire::{SagaStep, outbox::Outbox};
    /// # #[derive(Clone, Database)] struct Shop(sqlx::SqlitePool);
    /// # async fn placed(_: &mut Tx<Shop>) -> Result<(), Retry> { Ok(()) }
    /// # async fn order(client: Client, outbox: Outbox<Shop>, hotel: SagaStep, flight: SagaStep)
    /// # -> Result<(), Box<dyn std::error::Error>> {
    /// client.saga(hotel).then(flight).send_with(&outbox, async |tx| placed(tx).await).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`NotDone`]: this call has changed nothing.
    pub async fn send_with<D, T, E, F, I>(self, outbox: &Outbox<D>, business: F) -> Result<SagaSent<T>, NotDone<E>>
    where
        D: Database<Driver: BarrierDialect>,
        F: LocalBusiness<D, T, E, I>,
    {
        saga_send_with(self, outbox, business).await
    }
}

/// [`Msg::send_with`], on any database that has an outbox.
///
/// # Errors
/// [`NotDone`]: this call has changed nothing.
#[doc(hidden)]
pub async fn send_with<B, T, E, F>(message: Msg, outbox: &Outbox<B>, business: F) -> Result<Done<T>, NotDone<E>>
where
    B: OutboxDb,
    F: AsyncFnOnce(&mut B::Tx) -> Result<T, E>,
{
    let Ready { gid, transaction, .. } = message.into_transaction(String::new()).map_err(NotDone::NotStarted)?;
    let mut sending = Sending::new(outbox, gid, transaction).map_err(NotDone::NotStarted)?;
    let attempt = sending.attempt(business).await;
    sending.finish(attempt).await
}

/// [`Saga::send_with`], on any database that has an outbox.
///
/// # Errors
/// [`NotDone`]: this call has changed nothing.
#[doc(hidden)]
pub async fn saga_send_with<B, T, E, F>(saga: Saga, outbox: &Outbox<B>, business: F) -> Result<SagaSent<T>, NotDone<E>>
where
    B: OutboxDb,
    F: AsyncFnOnce(&mut B::Tx) -> Result<T, E>,
{
    let Ready { gid, transaction, .. } = saga.into_transaction().map_err(NotDone::NotStarted)?;
    let mut sending = Sending::new(outbox, gid, transaction).map_err(NotDone::NotStarted)?;
    let attempt = sending.attempt(business).await;
    Ok(match sending.finish(attempt).await? {
        Done::Submitted { gid, value, .. } => SagaSent::Submitted { gid, value },
        Done::Committed { gid, value } => SagaSent::Committed { gid, value },
        Done::Repeated { gid, .. } => SagaSent::Repeated { gid },
        Done::Stopped { gid, value } => SagaSent::Stuck { gid, value },
        Done::EndedEarly { gid } => SagaSent::EndedEarly { gid },
        Done::Unknown { gid } => SagaSent::Unknown { gid },
    })
}

/// The longest transaction that an outbox takes, in bytes of JSON: what the column of MySQL holds. A coordinator takes one byte
/// more.
const BODY_BYTES_MAX: usize = (1 << 24) - 1;

/// One call: a transaction, and the outbox that sends it.
struct Sending<'a, B> {
    outbox: &'a Outbox<B>,
    gid: Gid,
    transaction: Transaction,
    /// The transaction as the coordinator takes it.
    body: String,
    patience: Patience,
}

impl<'a, B: OutboxDb> Sending<'a, B> {
    fn new(outbox: &'a Outbox<B>, gid: Gid, transaction: Transaction) -> Result<Self, NotStarted> {
        let body = serde_json::to_string(&transaction).expect("a transaction is strings and numbers");
        if body.len() > BODY_BYTES_MAX {
            let reason = format!("it has {} bytes, and an outbox takes {BODY_BYTES_MAX} at most", body.len());
            return Err(NotStarted::Invalid { reason });
        }
        Ok(Self { outbox, patience: Patience::new(gid.clone()), gid, transaction, body })
    }

    /// Runs the business in a transaction of its own, and commits.
    async fn attempt<T, E, F>(&mut self, business: F) -> Attempt<T, E>
    where
        F: AsyncFnOnce(&mut B::Tx) -> Result<T, E>,
    {
        let begun = loop {
            match self.outbox.begin(&self.gid, &self.body).await {
                // Above READ COMMITTED an insert that meets another one is a conflict, and not a wait.
                Err(error) if B::fault(&error) == Fault::Conflict && self.patience.may_try_again().await => {}
                begun => break begun,
            }
        };
        match begun {
            Ok((tx, true)) => attempt::run::<B, _, _, _>(tx, business).await,
            Ok((tx, false)) => {
                // Nothing ran in it but the outbox's own insert.
                let _ = tx.rollback().await;
                Attempt::RowMet
            }
            Err(error) => Attempt::NotBegun(error),
        }
    }

    /// Hands the message over, or says why it is not sent, by what the last attempt has led to.
    async fn finish<T, E>(self, attempt: Attempt<T, E>) -> Result<Done<T>, NotDone<E>> {
        let (end, not_done) = match attempt {
            Attempt::Committed(value) => return Ok(self.hand_over(value).await),
            Attempt::RowMet => return Box::pin(self.repeated()).await,
            Attempt::NotBegun(source) if B::fault(&source) == Fault::Conflict => {
                return Err(NotDone::InProgress { gid: self.gid, source });
            }
            Attempt::NotBegun(error) => return Err(NotDone::NotStarted(NotStarted::Database(error))),
            // Nothing was written, and nobody else knows of this gid.
            Attempt::Ended { end: End::RolledBack, not_done, .. } => return Err(not_done),
            Attempt::Ended { end, not_done, .. } => (end, not_done),
        };
        match (Box::pin(self.outbox.decide(&self.gid)).await, end) {
            (Ok(Prepared::Committed), End::InDoubt(value)) => Ok(self.hand_over(value).await),
            (Ok(Prepared::Committed), End::Early(cause)) => {
                let gid = self.gid.clone();
                tracing::error!(%gid, cause, "the message has committed, and a part of its business may be missing");
                self.hand_over(()).await.gid();
                Ok(Done::EndedEarly { gid })
            }
            (Ok(Prepared::RolledBack), _) => Err(not_done),
            // If it has committed, the relay finds its row.
            (Ok(Prepared::Ongoing | Prepared::Committed) | Err(_), _) => Ok(Done::Unknown { gid: self.gid }),
        }
    }

    async fn hand_over<T>(self, value: T) -> Done<T> {
        let gid = self.gid;
        match self.outbox.hand_over(&gid, self.transaction).await {
            HandedOver::Submitted { finished } => Done::Submitted { gid, value, finished },
            HandedOver::Queued => Done::Committed { gid, value },
            HandedOver::Stuck => Done::Stopped { gid, value: Some(value) },
        }
    }

    /// What a call is told whose gid was used before: the row decides, and once it is sent the coordinator's status.
    async fn repeated<T, E>(self) -> Result<Done<T>, NotDone<E>> {
        let Self { outbox, gid, transaction, .. } = self;
        let record = match outbox.found(&gid).await {
            Ok(Some(record)) => record,
            Ok(None) => return Ok(Done::Unknown { gid }),
            Err(error) => {
                tracing::info!(%gid, error = &error as &dyn std::error::Error, "the outbox row cannot be read");
                return Ok(Done::Unknown { gid });
            }
        };
        match record.state {
            OutboxState::RolledBack => Err(NotDone::GivenUp { gid }),
            OutboxState::Waiting | OutboxState::Aside if !is_same(&record.body, &transaction) => {
                Err(NotDone::OtherMessage { gid })
            }
            OutboxState::Waiting => Ok(Done::Repeated { gid, finished: false }),
            OutboxState::Aside => Ok(Done::stopped(gid, None)),
            OutboxState::Sent => sent_before(outbox.client(), gid, &transaction).await,
        }
    }
}

/// The result for a gid that was sent before: its status at the coordinator says how far it is.
async fn sent_before<T, E>(client: &Client, gid: Gid, transaction: &Transaction) -> Result<Done<T>, NotDone<E>> {
    let is_saga = transaction.trans_type == TransType::Saga.as_str();
    let standing = client.query(&gid).await.map_or(Standing::Unclear, |answer| answer.standing_of(transaction));
    match standing {
        Standing::Another => Err(NotDone::OtherMessage { gid }),
        Standing::Succeeded => Ok(Done::Repeated { gid, finished: true }),
        Standing::Failed { .. } if !is_saga => Ok(Done::stopped(gid, None)),
        Standing::Failed { .. }
        | Standing::InProgress
        | Standing::Prepared
        | Standing::NotRecorded
        | Standing::Unclear => Ok(Done::Repeated { gid, finished: false }),
    }
}

/// Whether a row that waits has the same branches and payloads, and a saga's steps the same order.
fn is_same(body: &str, transaction: &Transaction) -> bool {
    let Ok(kept) = serde_json::from_str::<Transaction>(body) else { return true };
    let payloads = |of: &Transaction| of.payloads.clone().unwrap_or_default();
    let (kept_payloads, payloads) = (payloads(&kept), payloads(transaction));
    kept.trans_type == transaction.trans_type
        && kept.steps == transaction.steps
        && (kept.custom_data == transaction.custom_data || kept.trans_type != TransType::Saga.as_str())
        && kept_payloads.len() == payloads.len()
        && kept_payloads.iter().zip(&payloads).all(|(kept, sent)| is_same_payload(kept.as_bytes(), sent.as_bytes()))
}
