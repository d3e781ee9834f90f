//! What a sender is told.

use std::error::Error;
use std::fmt;

use crate::CommitError;
use crate::pattern::{BusinessError, NotStarted};
use crate::protocol::Gid;

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
        /// Whether every branch is known to be applied already. Usually true with [`Msg::wait_result`](super::Msg::wait_result).
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

    pub(in crate::pattern) fn stopped(gid: Gid, value: Option<T>) -> Self {
        tracing::error!(%gid, "the message has committed, but was ended at the coordinator: its branches are not called");
        Self::Stopped { gid, value }
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
/// | [`RolledBack`](Self::RolledBack), [`NotCommitted`](Self::NotCommitted) | No: the coordinator ends it as failed. (Of a message that an [`Outbox`](crate::Outbox) was to send nobody else has heard: after [`Msg::send_with`](super::Msg::send_with) the same gid may be sent again, and if it is used up, the result is `GivenUp`) |
/// | [`OtherMessage`](Self::OtherMessage) | No: it belongs to another message |
///
/// If the same order may be tried again later, make its gid from the order and the attempt: [`Msg::gid`](super::Msg::gid).
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
    /// Whether the same gid may be tried again. If not, it is used up, or may be, and another attempt needs another gid.
    ///
    /// It does not know how the message was sent, and says no where only an [`Outbox`](crate::Outbox) leaves the gid free: see
    /// the table above.
    ///
    /// Retry soon: the coordinator gives up a message that was prepared and not submitted after
    /// [`Msg::timeout_to_fail`](super::Msg::timeout_to_fail), and the result is then [`GivenUp`](Self::GivenUp).
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
