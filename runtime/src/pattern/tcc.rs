//! The TCC: reservations that are all confirmed, or all cancelled.
//!
//! Each branch has a try that reserves and may refuse, a confirm and a cancel. A client calls the tries itself, one after
//! another or at once, and decides by what they return. DTM's word is TCC (try, confirm, cancel). The attributes, with an
//! example: [`tcc_try`](macro@crate::tcc_try).
//!
//! ```
//! # use branchwire::prelude::*;
//! # use branchwire::tcc::CallError;
//! # #[derive(Clone, Database)] pub struct Seats(sqlx::SqlitePool);
//! # #[derive(serde::Serialize, serde::Deserialize)] pub struct Reserve { pub flight: i64 }
//! # #[derive(serde::Serialize, serde::Deserialize)] pub struct Seat { pub price: i64 }
//! # #[branchwire::service("/api/seats")] pub mod seats {
//! #     use super::*;
//! #     #[tcc_try] pub async fn reserve(_: &mut Tx<Seats>, _: Reserve) -> Result<Seat, BranchError> { Ok(Seat { price: 1 }) }
//! #     #[tcc_confirm(of = reserve)] pub async fn take(_: &mut Tx<Seats>, _: Reserve) -> Result<(), Retry> { Ok(()) }
//! #     #[tcc_cancel(of = reserve)] pub async fn release(_: &mut Tx<Seats>, _: Reserve) -> Result<(), Retry> { Ok(()) }
//! # }
//! #[derive(Debug, thiserror::Error)]
//! pub enum TripError {
//!     #[error("too dear")]
//!     TooDear,
//!     #[error(transparent)]
//!     Call(#[from] CallError),
//! }
//!
//! # async fn example(client: Client, seats: seats::Remote) -> Result<(), Box<dyn std::error::Error>> {
//! let done = client
//!     .tcc()
//!     .within(std::time::Duration::from_secs(20))
//!     .run(async |tcc| {
//!         let seat = tcc.call(seats.reserve(&Reserve { flight: 7 })).await?;
//!         if seat.price > 100 {
//!             return Err(TripError::TooDear);
//!         }
//!         Ok(seat)
//!     })
//!     .await?;
//! # Ok(())
//! # }
//! # fn main() {}
//! ```
//!
//! Write `async |tcc| ..`, and **not** `|tcc| async move { .. }`: see [`compile_errors`](crate::compile_errors).
//!
//! What a try, a confirm and a cancel do, what others see meanwhile, and which pattern fits: [`patterns`](crate::patterns).

mod call;
mod decide;
mod outcome;

use std::fmt;
use std::panic::{AssertUnwindSafe, resume_unwind};
use std::time::Duration;

use futures_core::future::BoxFuture;
use futures_util::FutureExt;
use futures_util::future::join_all;
use tokio::time::Instant;

use self::call::Caller;
use self::decide::{Ended, Undecided, cancel, confirm};
pub use self::outcome::{CallError, Decision, TccDone, TccNotDone};
use super::NotStarted;
use super::options::{Options, Ready, shared_options, whole_seconds};
use crate::branch::TccBranch;
use crate::client::{Client, ClientError};
use crate::protocol::{Gid, Status, TransType, Transaction};

/// How long a TCC may take by default.
const WITHIN: Duration = Duration::from_secs(30);

/// The most branches that a client gives ids to: an id has two digits for each level, and the branches that a try registers
/// have its id before their own. A third digit would make an id of another level.
const BRANCHES_MAX: usize = 99;

/// How much later than its closure's deadline the coordinator cancels a TCC: the time that a submit has to arrive.
const SUBMIT_MARGIN: Duration = Duration::from_secs(5);

/// A TCC before it is begun: its options.
///
/// Made by [`Client::tcc`]; begun by [`run`](Self::run). Durations are sent in whole seconds, rounded up.
#[derive(Debug)]
#[must_use = "a TCC does nothing until it is run: `.run(async |tcc| ..)`"]
pub struct TccOptions {
    client: Client,
    within: Duration,
    options: Options,
}

impl Client {
    /// A TCC: its options first, then [`run`](TccOptions::run) with a closure that calls its branches.
    pub fn tcc(&self) -> TccOptions {
        TccOptions { client: self.clone(), within: WITHIN, options: Options::default() }
    }
}

impl TccOptions {
    shared_options!();

    /// How long the closure may take. Default: 30 s. After that its future is dropped, and every branch is cancelled.
    ///
    /// The coordinator cancels by itself five seconds later, if it was told nothing until then: the caller's process may have
    /// died.
    pub fn within(mut self, time: Duration) -> Self {
        self.within = time;
        self
    }

    /// Begins the TCC, runs the closure, and then has every branch confirmed (`Ok`) or cancelled (`Err`). A panic of the
    /// closure cancels them, and goes on.
    ///
    /// Dropped before the closure has returned `Ok`, because the caller's own caller has hung up, say, it has every branch
    /// cancelled at once: a task of the present Tokio runtime tells the coordinator, for at most ten seconds. Where no
    /// runtime is there, or the coordinator is not told, it cancels after the time of [`within`](Self::within). Dropped
    /// later, while the coordinator is told to confirm, it is not known which of the two happens;
    /// [`Client::outcome`](crate::protocol::client::Client::outcome) tells.
    ///
    /// With a [`gid`](Self::gid) under which a TCC was decided before, the closure does not run, and the result tells how it was
    /// decided: [`TccDone::Repeated`], [`TccNotDone::GivenUp`]. While it is not decided, because another call is at work or has
    /// died, the two are one TCC: this closure runs as well, a branch that was tried before returns what it has returned then,
    /// and the first decision counts. So let the closure call the same branches in the same order each time. If it calls another
    /// branch than the call before, the result is [`TccNotDone::OtherTransaction`]. (A DTM server does not register a branch
    /// twice: then the second call cancels.)
    ///
    /// # Errors
    /// [`TccNotDone`]: nothing is confirmed; what was reserved is cancelled, or being cancelled.
    pub async fn run<F, R>(self, business: F) -> Result<TccDone<R::Value>, TccNotDone<R::Error>>
    where
        F: AsyncFnOnce(&mut Tcc) -> R,
        R: Decision,
    {
        // Before the coordinator takes its own time of the beginning.
        let deadline = Instant::now() + self.within;
        let ready = self.into_transaction().map_err(TccNotDone::NotStarted)?;
        let prepared = ready.prepare().await;
        let Ready { client, gid, is_named, transaction } = ready;
        if let Err(error) = prepared {
            return not_begun(&client, gid, error).await;
        }
        let mut tcc = Tcc { caller: Caller::new(&client, &gid, &transaction, deadline), calls: 0, is_whole: true };
        let undecided = Undecided::new(&client, &gid, &transaction);
        let decided = tokio::time::timeout_at(deadline, AssertUnwindSafe(business(&mut tcc)).catch_unwind()).await;
        let (is_whole, is_another) = (tcc.is_whole, tcc.caller.is_another());
        let decided = match decided {
            // It is another call's, which decides.
            Ok(Ok(_)) | Err(_) if is_another => {
                undecided.decided();
                return Err(TccNotDone::OtherTransaction { gid });
            }
            Ok(Ok(decision)) => decision.decide(),
            Ok(Err(panic)) => {
                cancel(&client, &gid, transaction, "the caller panicked").await;
                undecided.decided();
                resume_unwind(panic)
            }
            Err(_elapsed) => {
                let ended = cancel(&client, &gid, transaction, "the caller took too long").await;
                undecided.decided();
                return cancelled(gid, is_named, &ended, |gid, finished| TccNotDone::TimedOut { gid, finished });
            }
        };
        match decided {
            Ok(value) if is_whole => {
                undecided.decided();
                match confirm(&client, &gid, transaction, deadline + SUBMIT_MARGIN).await {
                    Ended::Confirmed { finished } => Ok(TccDone::Confirmed { gid, value, finished }),
                    Ended::Cancelled { finished } => Err(TccNotDone::TimedOut { gid, finished }),
                    Ended::Stopped => Ok(TccDone::stopped(gid, Some(value))),
                    Ended::Unknown => Ok(TccDone::Unknown { gid, value: Some(value) }),
                }
            }
            Ok(_) => {
                let ended = cancel(&client, &gid, transaction, "a call failed").await;
                undecided.decided();
                cancelled(gid, is_named, &ended, |gid, finished| TccNotDone::CallFailed { gid, finished })
            }
            Err(why) => {
                let ended = cancel(&client, &gid, transaction, "the caller decided so").await;
                undecided.decided();
                cancelled(gid, is_named, &ended, |gid, finished| TccNotDone::Cancelled { gid, why, finished })
            }
        }
    }

    /// The TCC in the coordinator's form.
    fn into_transaction(self) -> Result<Ready, NotStarted> {
        let Self { client, within, mut options } = self;
        options.wire.timeout_to_fail = whole_seconds(within.saturating_add(SUBMIT_MARGIN));
        options.ready(client, TransType::Tcc, Transaction::default())
    }
}

/// What a caller is told who wanted to cancel: another call under the same gid may have been faster, and have confirmed. Only a
/// gid that the caller has named can be another call's as well.
fn cancelled<T, E>(
    gid: Gid,
    is_named: bool,
    ended: &Ended,
    not_done: impl FnOnce(Gid, bool) -> TccNotDone<E>,
) -> Result<TccDone<T>, TccNotDone<E>> {
    match *ended {
        Ended::Confirmed { finished } => Ok(TccDone::Repeated { gid, finished }),
        Ended::Cancelled { finished } => Err(not_done(gid, finished)),
        Ended::Stopped => Ok(TccDone::stopped(gid, None)),
        Ended::Unknown if is_named => Ok(TccDone::Unknown { gid, value: None }),
        Ended::Unknown => Err(not_done(gid, false)),
    }
}

/// What a caller is told whose TCC was not prepared: the gid may have been used before.
async fn not_begun<T, E>(client: &Client, gid: Gid, error: ClientError) -> Result<TccDone<T>, TccNotDone<E>> {
    let not_started = |error| Err(TccNotDone::NotStarted(NotStarted::Coordinator(error)));
    match &error {
        ClientError::OtherTransaction { .. } => return Err(TccNotDone::OtherTransaction { gid }),
        ClientError::Refused { .. } => {}
        _ => return not_started(error),
    }
    // It is refused because it was decided before.
    let answer = match client.query(&gid).await {
        Ok(answer) => answer,
        Err(asked) => {
            tracing::warn!(%gid, error = &asked as &dyn std::error::Error, "it is not known how the TCC was decided earlier");
            return Ok(TccDone::Unknown { gid, value: None });
        }
    };
    let Some(record) = &answer.transaction else { return not_started(error) };
    if record.trans_type != TransType::Tcc.as_str() {
        return Err(TccNotDone::OtherTransaction { gid });
    }
    match decide::ended(&answer) {
        Some(Ended::Confirmed { finished }) => Ok(TccDone::Repeated { gid, finished }),
        Some(Ended::Cancelled { finished }) => Err(TccNotDone::GivenUp { gid, finished }),
        Some(Ended::Stopped) => Ok(TccDone::stopped(gid, None)),
        None if record.status == Status::Prepared.as_str() => not_started(error),
        Some(Ended::Unknown) | None => Ok(TccDone::Unknown { gid, value: None }),
    }
}

/// A TCC that has begun: its closure calls branches.
///
/// If a call does not succeed, also one whose future was dropped, every branch will be cancelled, whatever the closure
/// returns, and further calls return [`CallError::Broken`]. At most 99 branches.
pub struct Tcc {
    caller: Caller,
    calls: usize,
    /// Whether all calls have succeeded.
    is_whole: bool,
}

impl fmt::Debug for Tcc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tcc").field("gid", self.gid()).field("calls", &self.calls).finish_non_exhaustive()
    }
}

impl Tcc {
    /// The TCC's gid.
    pub fn gid(&self) -> &Gid {
        self.caller.gid()
    }

    /// Registers a branch, and calls its try; returns what the try returned.
    ///
    /// # Errors
    /// [`CallError`]; the TCC can then only be cancelled.
    pub async fn call<R>(&mut self, branch: TccBranch<R>) -> Result<R, CallError> {
        let id = self.begin(1)?;
        let returned = self.caller.call(id, branch).await;
        self.is_whole = returned.is_ok();
        returned
    }

    /// [Calls](Self::call) several branches at once: a tuple of two to four, an array, or a `Vec`.
    ///
    /// # Errors
    /// The first [`CallError`]; all calls have ended by then, and the TCC can only be cancelled.
    pub fn join<'t, B: TccBranches + 't>(&'t mut self, branches: B) -> BoxFuture<'t, Result<B::Values, CallError>> {
        Box::pin(async move {
            let id = self.begin(branches.count())?;
            let returned = branches.call_all(&self.caller, id).await;
            self.is_whole = returned.is_ok();
            returned
        })
    }

    /// Takes the ids of so many calls; until they have ended well, the TCC can only be cancelled.
    fn begin(&mut self, calls: usize) -> Result<usize, CallError> {
        if !std::mem::replace(&mut self.is_whole, false) {
            return Err(CallError::Broken);
        }
        if self.calls + calls > BRANCHES_MAX {
            return Err(CallError::TooMany);
        }
        let first = self.calls + 1;
        self.calls += calls;
        Ok(first)
    }
}

/// Branches of a TCC that are called at once: a tuple, an array or a `Vec` of [`TccBranch`].
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a list of a TCC's branches",
    label = "expected branches of a TCC",
    note = "`tcc.join((a, b))` takes a tuple of two to four, an array or a vector of what remote tries return"
)]
pub trait TccBranches: Send {
    /// What their tries return.
    type Values: Send;

    #[doc(hidden)]
    fn count(&self) -> usize;

    #[doc(hidden)]
    fn call_all<'t>(self, caller: &'t Caller, first_id: usize) -> BoxFuture<'t, Result<Self::Values, CallError>>
    where
        Self: 't;
}

#[diagnostic::do_not_recommend]
impl<R: Send> TccBranches for Vec<TccBranch<R>> {
    type Values = Vec<R>;

    fn count(&self) -> usize {
        self.len()
    }

    fn call_all<'t>(self, caller: &'t Caller, first_id: usize) -> BoxFuture<'t, Result<Vec<R>, CallError>>
    where
        Self: 't,
    {
        Box::pin(async move {
            let calls = (first_id..).zip(self).map(|(id, branch)| caller.call(id, branch));
            join_all(calls).await.into_iter().collect()
        })
    }
}

#[diagnostic::do_not_recommend]
impl<R: Send, const N: usize> TccBranches for [TccBranch<R>; N] {
    type Values = [R; N];

    fn count(&self) -> usize {
        N
    }

    fn call_all<'t>(self, caller: &'t Caller, first_id: usize) -> BoxFuture<'t, Result<[R; N], CallError>>
    where
        Self: 't,
    {
        Box::pin(async move {
            let values = Vec::from(self).call_all(caller, first_id).await?;
            Ok(values.try_into().unwrap_or_else(|_| unreachable!("as many values as branches")))
        })
    }
}

macro_rules! tuple {
    ($join:ident, $($r:ident $value:ident $n:literal),+) => {
        #[diagnostic::do_not_recommend]
        impl<$($r: Send),+> TccBranches for ($(TccBranch<$r>,)+) {
            type Values = ($($r,)+);

            fn count(&self) -> usize {
                [$($n),+].len()
            }

            fn call_all<'t>(self, caller: &'t Caller, first_id: usize) -> BoxFuture<'t, Result<Self::Values, CallError>>
            where
                Self: 't,
            {
                Box::pin(async move {
                    let ($($value,)+) = self;
                    let ($($value,)+) = futures_util::future::$join($(caller.call(first_id + $n, $value)),+).await;
                    Ok(($($value?,)+))
                })
            }
        }
    };
}

tuple!(join, A a 0, B b 1);
tuple!(join3, A a 0, B b 1, C c 2);
tuple!(join4, A a 0, B b 1, C c 2, D d 3);
