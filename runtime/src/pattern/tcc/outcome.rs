//! How a TCC has ended.

use std::error::Error;
use std::fmt;

use crate::client::ClientError;
use crate::pattern::{BusinessError, NotStarted};
use crate::{Gid, PayloadError};

/// What a TCC's closure returns: `Ok` confirms every branch, `Err` cancels every branch.
#[diagnostic::on_unimplemented(
    message = "the closure decides by its result: return `Result<T, E>`",
    label = "not a `Result`",
    note = "`Ok` confirms every branch, `Err` cancels every branch"
)]
pub trait Decision {
    /// What the caller gets if the branches are confirmed.
    type Value;
    /// Why they are cancelled.
    type Error;

    #[doc(hidden)]
    fn decide(self) -> Result<Self::Value, Self::Error>;
}

#[diagnostic::do_not_recommend]
impl<T, E> Decision for Result<T, E> {
    type Value = T;
    type Error = E;

    fn decide(self) -> Self {
        self
    }
}

/// Why a call of a TCC's branch did not succeed. The TCC can then only be cancelled.
#[derive(Debug, thiserror::Error)]
// Later versions may add variants; a caller need not handle each one separately.
#[non_exhaustive]
pub enum CallError {
    /// The try refused.
    #[error("branch {number} refused")]
    Refused {
        /// Which branch, from 1.
        number: usize,
    },
    /// A payload that the try could never read. Nothing was sent.
    #[error("the payload of branch {number} cannot be sent")]
    Payload {
        /// Which branch, from 1.
        number: usize,
        /// Why.
        source: PayloadError,
    },
    /// The TCC would have more than 99 branches: an id has two digits. Nothing was sent.
    #[error("a TCC has at most 99 branches")]
    TooMany,
    /// The client signs, and this branch cannot be signed: its address is too long for that, for example. Nothing was sent.
    #[error("branch {number} cannot be signed")]
    Unsignable {
        /// Which branch, from 1.
        number: usize,
        /// Why.
        source: Box<dyn Error + Send + Sync>,
    },
    /// The coordinator did not acknowledge the branch. Its try was not called. If the branch is registered nevertheless, it
    /// is cancelled with the others.
    #[error("the registration of branch {number} was not acknowledged")]
    NotRegistered {
        /// Which branch, from 1.
        number: usize,
        /// Why.
        source: ClientError,
    },
    /// The try gave no clear answer: it may be applied, and is then cancelled.
    #[error("branch {number} gave no clear answer")]
    NoAnswer {
        /// Which branch, from 1.
        number: usize,
        /// The last attempt's error.
        source: Box<dyn Error + Send + Sync>,
    },
    /// The try is applied, and what it returned cannot be read.
    #[error("what branch {number} returned cannot be read")]
    Unreadable {
        /// Which branch, from 1.
        number: usize,
        /// Why.
        source: serde_json::Error,
    },
    /// An earlier call did not succeed, or was dropped: this one was not made.
    #[error("an earlier call of this TCC did not succeed, so it can only be cancelled")]
    Broken,
}

/// The result of a TCC that was confirmed, or may have been. Do not send it again under another gid.
///
/// Exhaustive: each caller has to handle every case, also a new one.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use = "it says whether the TCC has ended"]
pub enum TccDone<T> {
    /// Every branch is confirmed, or will be.
    Confirmed {
        /// The TCC's gid.
        gid: Gid,
        /// What the closure returned.
        value: T,
        /// Whether every confirm is known to be applied. If not, [`Client::outcome`](crate::protocol::client::Client::outcome)
        /// waits for that.
        finished: bool,
    },
    /// Another call under this gid has confirmed the TCC. Mostly that was before, and the closure of this call has not run; or
    /// it was meanwhile, and what the closure of this call has decided counts for nothing.
    Repeated {
        /// The TCC's gid.
        gid: Gid,
        /// Whether every confirm is known to be applied.
        finished: bool,
    },
    /// The coordinator did not say what it does: [`Client::outcome`](crate::protocol::client::Client::outcome) tells. Every
    /// branch is confirmed, or every branch is cancelled.
    ///
    /// It was told to confirm. Or it was to be told to cancel, and did not answer: then another call under the gid that this
    /// one [has named](super::TccOptions::gid) may have confirmed. Or an earlier call has decided it, and the closure of this one
    /// has not run.
    Unknown {
        /// The TCC's gid.
        gid: Gid,
        /// What the closure returned; `None` if this call was to cancel, or has not run.
        value: Option<T>,
    },
    /// A person has ended the TCC at the coordinator (a forced stop) before every branch was confirmed or cancelled: nothing
    /// is called any more. Some branches may be confirmed, others cancelled, and others may hold what they have reserved.
    ///
    /// This needs a person: nothing repairs it automatically.
    Stopped {
        /// The TCC's gid.
        gid: Gid,
        /// What the closure returned; `None` if it was to be cancelled, or an earlier call had begun it.
        value: Option<T>,
    },
}

impl<T> TccDone<T> {
    /// The TCC's gid.
    pub const fn gid(&self) -> &Gid {
        match self {
            Self::Confirmed { gid, .. }
            | Self::Repeated { gid, .. }
            | Self::Unknown { gid, .. }
            | Self::Stopped { gid, .. } => gid,
        }
    }

    pub(super) fn stopped(gid: Gid, value: Option<T>) -> Self {
        tracing::error!(%gid, "the TCC was ended at the coordinator: not every branch is confirmed or cancelled");
        Self::Stopped { gid, value }
    }
}

/// Why a TCC was not confirmed: nothing is confirmed, and what was reserved is cancelled, or being cancelled.
///
/// Whether the same gid may be tried again is in [`may_retry_same_gid`](Self::may_retry_same_gid):
///
/// | variant | the same gid again? |
/// |---|---|
/// | [`NotStarted`](Self::NotStarted) | Yes, and soon: the coordinator cancels what was prepared after the time of [`within`](super::TccOptions::within) |
/// | [`GivenUp`](Self::GivenUp), [`Cancelled`](Self::Cancelled), [`CallFailed`](Self::CallFailed), [`TimedOut`](Self::TimedOut) | No: it is used up |
/// | [`OtherTransaction`](Self::OtherTransaction) | No: it belongs to another transaction |
///
/// If the same order may be tried again later, make its gid from the order and the attempt:
/// [`TccOptions::gid`](super::TccOptions::gid).
///
/// `finished` says whether every cancel is known to be applied; if not,
/// [`Client::outcome`](crate::protocol::client::Client::outcome) waits for that.
///
/// Exhaustive: each caller has to handle every case, also a new one.
#[derive(Debug)]
pub enum TccNotDone<E> {
    /// It was not begun: no try was called. The same gid may be tried again.
    NotStarted(NotStarted),
    /// A TCC with this gid was cancelled before. The closure has not run; the gid is used up.
    GivenUp {
        /// The gid.
        gid: Gid,
        /// Whether every cancel is known to be applied.
        finished: bool,
    },
    /// Another transaction was sent under this gid: of another pattern, or a TCC that has another branch under the number of one
    /// of this call's. The gid belongs to that one, and so does what this call has tried: this call decides nothing.
    OtherTransaction {
        /// The gid.
        gid: Gid,
    },
    /// The closure has returned an error.
    Cancelled {
        /// The TCC's gid.
        gid: Gid,
        /// The closure's error.
        why: E,
        /// Whether every cancel is known to be applied.
        finished: bool,
    },
    /// A call did not succeed, and the closure has returned `Ok` all the same.
    CallFailed {
        /// The TCC's gid.
        gid: Gid,
        /// Whether every cancel is known to be applied.
        finished: bool,
    },
    /// The closure took too long, or its decision came to the coordinator too late: every branch is cancelled, or being
    /// cancelled.
    TimedOut {
        /// The TCC's gid.
        gid: Gid,
        /// Whether every cancel is known to be applied.
        finished: bool,
    },
}

impl<E> TccNotDone<E> {
    /// Whether the same gid may be tried again. If not, it is used up, and another attempt needs another gid.
    pub const fn may_retry_same_gid(&self) -> bool {
        match self {
            Self::NotStarted(_) => true,
            Self::GivenUp { .. }
            | Self::OtherTransaction { .. }
            | Self::Cancelled { .. }
            | Self::CallFailed { .. }
            | Self::TimedOut { .. } => false,
        }
    }
}

impl<E> fmt::Display for TccNotDone<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotStarted(_) => f.write_str("the TCC was not started"),
            Self::GivenUp { gid, .. } => write!(f, "the TCC {gid} was cancelled earlier: use another gid"),
            Self::OtherTransaction { gid } => write!(f, "the gid {gid} belongs to another transaction"),
            Self::Cancelled { gid, .. } => write!(f, "the TCC {gid} is cancelled: its closure has returned an error"),
            Self::CallFailed { gid, .. } => write!(f, "the TCC {gid} is cancelled: one of its calls failed"),
            Self::TimedOut { gid, .. } => write!(f, "the TCC {gid} is cancelled: it took too long"),
        }
    }
}

impl<E: BusinessError> Error for TccNotDone<E> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::NotStarted(cause) => Some(cause),
            Self::Cancelled { why, .. } => Some(why.as_cause()),
            Self::GivenUp { .. } | Self::OtherTransaction { .. } | Self::CallFailed { .. } | Self::TimedOut { .. } => {
                None
            }
        }
    }
}
