//! The message without prepare: a row in the local transaction promises the message, and a relay keeps the promise.
//!
//! The row has the message itself. It commits with the business, in the place of the barrier row. After the commit the
//! sender submits at once; if that is lost, the [`Outbox`]'s relay submits it later. So no message is prepared first, no
//! query-prepared is written, and the business goes on while the coordinator is away.
//!
//! ```
//! use branchwire::outbox::Outbox;
//! use branchwire::prelude::*;
//!
//! # #[derive(Clone, Database)] pub struct BankA(sqlx::SqlitePool);
//! # #[derive(Clone, Database)] pub struct BankB(sqlx::SqlitePool);
//! # #[derive(serde::Serialize, serde::Deserialize)] pub struct TransferIn { pub amount: i64 }
//! # #[branchwire::service("/api/bank-b")] pub mod bank_b { use super::*;
//! #     #[msg_branch] pub async fn trans_in(_: &mut Tx<BankB>, _: TransferIn) -> Result<(), Retry> { Ok(()) } }
//! # async fn debit(_: &mut Tx<BankA>, _: i64) -> Result<(), Retry> { Ok(()) }
//! # async fn main_of_a_service(db: BankA, client: Client, bank_b: bank_b::Remote) -> Result<(), Box<dyn std::error::Error>> {
//! branchwire::barrier::set_up(&db).await?;
//! let outbox = Outbox::start(&db, &client).await?; // in the service's state; cheap to clone
//!
//! let message = client.msg(bank_b.trans_in(&TransferIn { amount: 30 }));
//! match message.send_with(&outbox, async |tx| debit(tx, 30).await).await? {
//!     Done::Submitted { .. } => {} // committed, and the coordinator has it
//!     Done::Committed { .. } => {} // committed; it will be sent
//!     other => tracing::warn!(?other),
//! }
//!
//! outbox.stop().await;
//! # Ok(())
//! # }
//! # fn main() {}
//! ```
//!
//! # Which of the two messages
//! | | [`do_and_submit`](crate::msg::Msg::do_and_submit) | [`send_with`](crate::msg::Msg::send_with) |
//! |---|---|---|
//! | calls to the coordinator | two: prepare before the business, submit after it | one: submit, after the business |
//! | what the caller waits for | prepare, the local commit, submit: three disks, one after another | the local commit and submit; without a coordinator, or with [`at_commit`](Outbox::at_commit), only the commit |
//! | statements in the local transaction | the barrier row, and the business | the outbox row, and the business |
//! | later, off the caller's way | nothing | the row is emptied, many in one statement |
//! | while the coordinator is away | nothing begins: [`NotStarted`](crate::NotStarted) | the business goes on: [`Committed`](crate::Done::Committed); the message is sent when it is back |
//! | the sender's process dies after the commit | the coordinator asks query-prepared, after [`timeout_to_fail`](crate::msg::Msg::timeout_to_fail) | the relay of any process on this database sends it, within 20 seconds |
//! | routes | a [`query_prepared`](macro@crate::query_prepared) that the coordinator can reach | none |
//! | what it needs | the barrier table | the outbox table, and a process with an [`Outbox`] as long as rows wait |
//! | a gid whose business said no | is used up | is free: nothing was written |
//! | services in other languages | share the barrier table and the pattern | share neither; the branches are the same |
//!
//! Both stay: take the outbox for a service that runs all the time, and `do_and_submit` where the coordinator must know of
//! the message before the business begins, or where the process ends after each message. One gid belongs to one of the two:
//! the tables do not know of each other.
//!
//! An outbox works under any DTM server as well: what it sends is a plain `submit`, with the signature and the headers that the
//! sender has given. Where services limit the age of signed messages (`Verify::message_age_max_s`), let them accept more than
//! [6 days](RESEND_AGE_MAX): so long may a message wait for its coordinator.
//!
//! # What a repeated submit does
//! A message is submitted again if its acknowledgement was lost, or if two relays have it. That is harmless:
//! - Branchwire's coordinator acknowledges a gid that it has, and runs nothing again. It keeps a finished transaction for a
//!   week by default (`--retention`).
//! - A DTM server runs the branches again that are in the request, unless the transaction has ended. After its retention any
//!   coordinator runs them again, since it takes the gid as new. The branches' barrier rows then find out, for they stay for at
//!   least 8 days ([`SWEEP_AGE_MIN`](crate::barrier::SWEEP_AGE_MIN)), whoever sweeps them.
//! - A transaction that has ended is refused by either. Then the sender, or the relay, asks for its status: *succeed* is a yes.
//! - So a row is sent until it is [6 days](RESEND_AGE_MAX) old. One that is older is put aside: it may have been carried out
//!   so long ago that nobody remembers. [`stuck`](Outbox::stuck) shows it, and [`retry_stuck`](Outbox::retry_stuck) sends it
//!   all the same.
//!
//! # How long a row stays
//! A row is removed by [`sweep`](crate::barrier::sweep()), as old as barrier rows are removed, counted from the
//! acknowledgement. Until then its gid is a repetition. One that waits, or is aside, is never removed.
//!
//! # What to watch
//! [`status`](Outbox::status) counts what is in the table, and its text is in the format of Prometheus: append it to what the service's
//! own metrics route returns.
//!
//! | metric | meaning | alarm |
//! |---|---|---|
//! | `branchwire_outbox_waiting` | messages in the database that are to be sent | |
//! | `branchwire_outbox_oldest_seconds` | the age of the oldest of them | above 60: the coordinator is away, or does not take one |
//! | `branchwire_outbox_stuck` | messages in the database that are aside: nobody sends them any more | above 0: look at [`stuck`](Outbox::stuck) |
//! | `branchwire_outbox_sent_total` | messages that this process has sent right after their commit | |
//! | `branchwire_outbox_relayed_total` | messages that the relay of this process has sent | |
//! | `branchwire_outbox_put_aside_total` | messages that this process has put aside | |
//! | `branchwire_outbox_coordinator_away` | 1 if this process found the coordinator away when it called it last | |
//!
//! A message that is put aside is a line in the log as well, at the level of errors, with its gid and the reason: *the coordinator does
//! not take a message of the outbox: it is put aside*. A message is put aside if the coordinator refuses its form or its length, or
//! has another transaction under its gid, or has ended it; if it was refused 14 times, which takes some half an hour; or if it is
//! older than [6 days](RESEND_AGE_MAX).

mod notes;
mod relay;
mod saga;
mod sender;
mod shared;
mod status;
mod submit;

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

pub use self::relay::RESEND_AGE_MAX;
pub use self::saga::SagaSent;
pub(crate) use self::sender::HandedOver;
use self::shared::Shared;
pub use self::status::Status;
use crate::Database;
pub use crate::barrier::outbox::Stuck;
use crate::barrier::outbox_db::OutboxDb;
use crate::barrier::{BarrierDialect, SetUpError, set_up_outbox};
use crate::client::Client;

/// The most messages that [`Outbox::stuck`] returns.
pub const STUCK_MAX: u32 = 100;

/// A running outbox: it can only be had running, so a relay cannot be forgotten.
///
/// Cheap to clone; keep it in the service's state. [`stop`](Self::stop) ends its relay in an orderly way. So does the drop
/// of the last clone, without waiting for it. A message that is not sent by then is sent by the next process that starts an
/// outbox on this database, or by one that runs. Stop it after the last sender: see [`stop`](Self::stop).
///
/// Any number of processes may have one on one database: each row is sent by one of them at a time.
pub struct Outbox<D> {
    db: D,
    client: Client,
    inner: Arc<Inner>,
    /// Whether a sender leaves the submit to a task of its own.
    is_at_commit: bool,
}

impl<D: Clone> Clone for Outbox<D> {
    fn clone(&self) -> Self {
        let Self { db, client, inner, is_at_commit } = self;
        Self { db: db.clone(), client: client.clone(), inner: inner.clone(), is_at_commit: *is_at_commit }
    }
}

/// What the clones of an outbox share. Dropped, it tells the tasks to end.
struct Inner {
    shared: Arc<Shared>,
    stop_relay: watch::Sender<bool>,
    stop_notes: watch::Sender<bool>,
    tasks: Mutex<Option<[JoinHandle<()>; 2]>>,
}

impl<D: Database<Driver: BarrierDialect>> Outbox<D> {
    /// Starts an outbox: checks its table, or creates it, and starts the relay. The relay sends what earlier processes have
    /// left, and then whatever waits.
    ///
    /// All messages of this outbox go to this client's coordinator.
    ///
    /// # Errors
    /// [`SetUpError`], whose text says what to do.
    ///
    /// # Panics
    /// Outside of a Tokio runtime.
    pub async fn start(db: &D, client: &Client) -> Result<Self, SetUpError> {
        set_up_outbox(db).await?;
        Ok(start(db, client))
    }
}

/// Starts an outbox on any database that can have one, with its table in place.
#[doc(hidden)]
pub fn start<B: OutboxDb>(db: &B, client: &Client) -> Outbox<B> {
    let (notes, received) = mpsc::channel(notes::NOTES_MAX);
    let shared = Arc::new(Shared::new(notes));
    let ((stop_relay, relay_stopped), (stop_notes, notes_stopped)) = (watch::channel(false), watch::channel(false));
    let tasks = [
        tokio::spawn(relay::run(db.clone(), client.clone(), shared.clone(), relay_stopped)),
        tokio::spawn(notes::write(db.clone(), shared.owner.clone(), received, notes_stopped)),
    ];
    let inner = Inner { shared, stop_relay, stop_notes, tasks: Mutex::new(Some(tasks)) };
    Outbox { db: db.clone(), client: client.clone(), inner: Arc::new(inner), is_at_commit: false }
}

impl<B: OutboxDb> Outbox<B> {
    /// This outbox for senders that wait for their own database only, and not for the coordinator.
    ///
    /// [`send_with`](crate::msg::Msg::send_with) returns [`Committed`](crate::Done::Committed) as soon as the local transaction has
    /// committed, and the message is submitted meanwhile. What is certain is the same; what the caller does not learn is
    /// whether the coordinator has it already, or does not take it: see [`stuck`](Self::stuck). At most
    /// 64 messages of a process are submitted meanwhile: the sender of a further one waits for its own submit.
    ///
    /// Keep it in the service's state, or take it for single messages: `message.send_with(&outbox.at_commit(), ..)`.
    #[must_use = "it is another handle of the same outbox"]
    pub fn at_commit(&self) -> Self {
        Self { is_at_commit: true, ..self.clone() }
    }

    /// Ends the relay: what is on its way to the coordinator arrives, and is noted. Returns once that is done.
    ///
    /// What holds after that, for a message that is sent with a stopped outbox:
    /// - Its sender submits it, and waits for the answer. It does so also if a sender before it has found the coordinator away.
    /// - Its row is not marked, whatever the coordinator has answered. So a process that runs an outbox on this database, or
    ///   the next one that starts one, submits it once more, 15 seconds after its sender has begun. That is harmless, see
    ///   [what a repeated submit does](crate::outbox#what-a-repeated-submit-does).
    /// - If the submit was lost, the result is [`Done::Committed`](crate::Done::Committed), and the message waits until such a
    ///   process sends it.
    /// - One that the coordinator never takes is put aside by that process, and only then shown by [`stuck`](Self::stuck).
    pub async fn stop(&self) {
        let tasks = self.inner.tasks.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some([relay, notes]) = tasks else { return };
        self.inner.stop_relay.send_replace(true);
        if let Err(error) = relay.await {
            tracing::error!(%error, "the relay of the outbox ended in error");
        }
        self.inner.shared.no_more_meanwhile().await;
        self.inner.stop_notes.send_replace(true);
        if let Err(error) = notes.await {
            tracing::error!(%error, "the notes of the outbox ended in error");
        }
    }

    /// The messages that the coordinator does not take, the oldest first, at most [`STUCK_MAX`]. They are kept, and no longer
    /// sent: a person has to look. The reason is in each.
    ///
    /// # Errors
    /// The database's own.
    pub async fn stuck(&self) -> Result<Vec<Stuck>, sqlx::Error> {
        self.db.stuck(STUCK_MAX).await
    }

    /// Sends every message that is [stuck](Self::stuck) again, once what stood in its way is repaired; how many.
    ///
    /// Of those that are stuck because they are [too old](RESEND_AGE_MAX), make sure first that their branches were not
    /// applied, or still have their barrier rows.
    ///
    /// # Errors
    /// The database's own: they may be sent or not.
    pub async fn retry_stuck(&self) -> Result<u64, sqlx::Error> {
        let retried = self.db.retry_stuck().await?;
        self.inner.shared.woken.notify_one();
        Ok(retried)
    }
}

impl<D> fmt::Debug for Outbox<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outbox").finish_non_exhaustive()
    }
}

#[cfg(all(test, feature = "sqlite"))]
mod tests;
