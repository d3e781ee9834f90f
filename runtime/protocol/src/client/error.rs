//! Why a call to the coordinator did not succeed, and whether the request may have been carried out.

/// A request that got no response. Exhaustive: it was sent, or it was not.
#[derive(Debug, thiserror::Error)]
pub enum ChannelError {
    /// It was never sent: the server, a coordinator or the service of a try, has not got it.
    #[error("the server cannot be reached")]
    NotSent(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// It was sent, or part of it was, and no response came: the server may have carried it out.
    #[error("the server did not answer")]
    NoAnswer(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// A call to the coordinator that did not succeed.
///
/// The meaning of each response, and the reason:
///
/// | response | read as | was it carried out? |
/// |---|---|---|
/// | 200, JSON with `dtm_result` `SUCCESS` | success | Yes: only DTM and Branchwire answer in this form |
/// | 409 whose JSON says `"other_transaction": true` | [`OtherTransaction`](Self::OtherTransaction) | No: Branchwire's coordinator has another transaction under this gid |
/// | 409 with the word `FAILURE`, or 200 with `dtm_result` `FAILURE` | [`Refused`](Self::Refused) | Not by this request; the status of the transaction tells whether it was before (a DTM server also answers in this way to a submit that waits and has not ended yet) |
/// | any status, JSON with `dtm_result` `ONGOING` | [`Ongoing`](Self::Ongoing) | The coordinator has it, and is working on it |
/// | 200 with any other body | [`Unreadable`](Self::Unreadable) | Unknown: the server may not be a coordinator |
/// | 300 to 399 | [`Failed`](Self::Failed) | No: redirects are not followed, and a coordinator sends none |
/// | 400 to 407, 409 to 417, 421 to 426, 428, 429, 431, 451 | `Failed` | No: the request is refused because of its address, token, form or length |
/// | 408 | `Failed` | Unknown: some servers send this after they have begun to work |
/// | 501, 505 | `Failed` | No: the server does not support the request |
/// | 503 in a coordinator's form: JSON with a `message` | [`Busy`](Self::Busy) | Not by the one that answered. Unknown, if a proxy has repeated the request: the first coordinator may have it |
/// | 503 through an Envoy proxy | [`NoAnswer`](Self::NoAnswer) | Unknown: Envoy also sends this when it loses the connection after it has passed the request on, and by default it repeats requests |
/// | any other 503 | `Failed` | No: a proxy has no server to pass it to |
/// | 500 | `Failed` | Unknown. A DTM server also sends this for an invalid request. If the transaction is not recorded then, it never will be |
/// | 502, 504, anything else | `Failed` | Unknown: a proxy, or the coordinator's own store, got no response |
/// | none | [`NotSent`](Self::NotSent), `NoAnswer` | No; unknown |
///
/// [`nothing_happened`](Self::nothing_happened) is the last column.
///
/// # Proxies that repeat requests
/// A proxy before several coordinators may pass a request to one of them, lose the answer, pass it to the next one, and send
/// that one's answer. So any no may be about the repetition only. Therefore a submit is not told as a no before the
/// transaction's status was asked: what is recorded counts, whatever the answer was. If the status is not told either,
/// a no counts only if `nothing_happened`. What remains: a proxy that repeats a request *while the first coordinator is still
/// at work on it*. Let no proxy repeat a POST that it has passed on. (Most do not by default; Envoy is told by its name.)
#[derive(Debug, thiserror::Error)]
// Later versions may add variants; a caller need not handle each one separately.
#[non_exhaustive]
pub enum ClientError {
    /// It was not sent: nothing has happened. Try again when the coordinator can be reached.
    #[error("the coordinator cannot be reached: nothing has happened")]
    NotSent(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// No response came: it is unknown whether it was carried out. [`Client::query`](super::Client::query) may tell.
    #[error("the coordinator did not answer: it is unknown whether the request was carried out")]
    NoAnswer(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The coordinator refused (409): the transaction is in a state that does not allow it. This request changed nothing.
    #[error("the coordinator refused: {message}")]
    Refused {
        /// The coordinator's text, cut to a few hundred characters.
        message: String,
        /// Whether the coordinator says that the transaction had ended, or was being rolled back, before this request came. A DTM
        /// server does not say that.
        known: bool,
    },
    /// The coordinator has another transaction under this gid: other branches, or other payloads. This request changed
    /// nothing.
    #[error("the gid belongs to another transaction: {message}")]
    OtherTransaction {
        /// The coordinator's text, cut to a few hundred characters.
        message: String,
    },
    /// The coordinator cannot take it now (503): it has no room, or its store is away. The one that answered has changed
    /// nothing.
    #[error("the coordinator cannot take it now: {message}")]
    Busy {
        /// The coordinator's text, cut to a few hundred characters.
        message: String,
    },
    /// The coordinator is still working on it (425).
    #[error("the coordinator is still working on it")]
    Ongoing,
    /// Any other status: the request is invalid, or the coordinator or a proxy has a problem.
    #[error("the coordinator answered {status}: {message}")]
    Failed {
        /// The HTTP status.
        status: u16,
        /// The coordinator's text, cut to a few hundred characters.
        message: String,
    },
    /// The response cannot be read: the server may not be a coordinator.
    #[error("the answer cannot be read: is this the address of a coordinator?")]
    Unreadable(#[source] serde_json::Error),
}

impl ClientError {
    /// Whether the request was certainly not carried out, and never will be. `false` if that is unknown.
    ///
    /// The table above has the reason for each status.
    pub const fn nothing_happened(&self) -> bool {
        match self {
            Self::NotSent(_) | Self::OtherTransaction { .. } => true,
            Self::Failed { status, .. } => is_certain_no(*status),
            Self::NoAnswer(_) | Self::Refused { .. } | Self::Busy { .. } | Self::Ongoing | Self::Unreadable(_) => false,
        }
    }

    /// Whether the same request may succeed later without any change.
    pub const fn is_transient(&self) -> bool {
        match self {
            Self::NotSent(_) | Self::NoAnswer(_) | Self::Busy { .. } | Self::Ongoing => true,
            Self::Failed { status, .. } => matches!(*status, 408 | 425 | 429 | 500 | 502..=504 | 506..),
            Self::Refused { .. } | Self::OtherTransaction { .. } | Self::Unreadable(_) => false,
        }
    }

    /// Whether a request that the coordinator does not have may still arrive there.
    pub const fn may_still_arrive(&self) -> bool {
        match self {
            Self::NoAnswer(_) | Self::Unreadable(_) => true,
            // The coordinator itself sends 500, after it has tried: the request cannot arrive later.
            Self::Failed { status, .. } => *status != 500 && !is_certain_no(*status),
            Self::NotSent(_)
            | Self::Refused { .. }
            | Self::OtherTransaction { .. }
            | Self::Busy { .. }
            | Self::Ongoing => false,
        }
    }
}

const fn is_certain_no(status: u16) -> bool {
    matches!(status, 300..=407 | 409..=417 | 421..=426 | 428 | 429 | 431 | 451 | 501 | 503 | 505)
}
