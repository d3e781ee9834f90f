//! Why a call to the coordinator did not succeed, and what is then known.

/// A request that got no response. Exhaustive: it was sent, or it was not.
#[derive(Debug, thiserror::Error)]
pub enum ChannelError {
    /// It was never sent: the coordinator has seen nothing of it.
    #[error("the coordinator cannot be reached")]
    NotSent(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// It was sent, or part of it was, and no response came: the coordinator may have carried it out.
    #[error("the coordinator did not answer")]
    NoAnswer(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// A call to the coordinator that did not succeed.
///
/// What each response means, and why:
///
/// | response | read as | was it carried out? |
/// |---|---|---|
/// | 200, JSON with `dtm_result` `SUCCESS` | success | Yes: DTM and Branchwire answer so, and nobody else |
/// | 409 with the word `FAILURE`, or 200 with `dtm_result` `FAILURE` | [`Refused`](Self::Refused) | Not by this request; the status of the transaction tells whether it was before (a DTM server also answers so to a submit that waits and has not ended yet) |
/// | any status, JSON with `dtm_result` `ONGOING` | [`Ongoing`](Self::Ongoing) | The coordinator has it, and is at work on it |
/// | 200 with any other body | [`Unreadable`](Self::Unreadable) | Not known: this may be no coordinator |
/// | 300 to 399 | [`Failed`](Self::Failed) | No: redirects are not followed, and a coordinator sends none |
/// | 400 to 407, 409 to 417, 421 to 426, 428, 429, 431, 451 | `Failed` | No: refused as it stands: by its address, its token, its form or its length |
/// | 408 | `Failed` | Not known: some servers answer so after they began to work |
/// | 501, 505 | `Failed` | No: the server does not know how |
/// | 503 | `Failed` | No: Branchwire's coordinator has no room now, or a proxy has no server to pass it to |
/// | 503 of an Envoy proxy | [`NoAnswer`](Self::NoAnswer) | Not known: Envoy answers so as well when it loses the connection after it passed the request on |
/// | 500 | `Failed` | Not known. A DTM server answers so to a request that it cannot use; a transaction that is then not there will not come |
/// | 502, 504, anything else | `Failed` | Not known: a proxy, or the coordinator's own store, did not hear what became of it |
/// | none | [`NotSent`](Self::NotSent), `NoAnswer` | No; not known |
///
/// [`nothing_happened`](Self::nothing_happened) is the last column.
#[derive(Debug, thiserror::Error)]
// More can go wrong than we know of today, and a caller need not tell all of it apart.
#[non_exhaustive]
pub enum ClientError {
    /// It was not sent: nothing has happened. Try again when the coordinator can be reached.
    #[error("the coordinator cannot be reached: nothing has happened")]
    NotSent(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// No response came: whether it was carried out is not known. [`Client::query`](super::Client::query) may tell.
    #[error("the coordinator did not answer: whether it has carried this out is not known")]
    NoAnswer(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The coordinator refused (409): the transaction is in a state that does not allow it. This request changed nothing.
    #[error("the coordinator refused: {message}")]
    Refused {
        /// Its own words, cut to a few hundred characters.
        message: String,
    },
    /// The coordinator says that it is still working on it (425).
    #[error("the coordinator is still working on it")]
    Ongoing,
    /// Any other status: the request is wrong, or the coordinator or a proxy is in trouble.
    #[error("the coordinator answered {status}: {message}")]
    Failed {
        /// The HTTP status.
        status: u16,
        /// Its own words, cut to a few hundred characters.
        message: String,
    },
    /// The response cannot be read: what answers there may be no coordinator.
    #[error("the answer cannot be read: is this the address of a coordinator?")]
    Unreadable(#[source] serde_json::Error),
}

impl ClientError {
    /// Whether the request was certainly not carried out, and never will be. `false` where that is not known.
    ///
    /// The table above has the reason for each status.
    pub const fn nothing_happened(&self) -> bool {
        match self {
            Self::NotSent(_) => true,
            Self::Failed { status, .. } => is_certain_no(*status),
            Self::NoAnswer(_) | Self::Refused { .. } | Self::Ongoing | Self::Unreadable(_) => false,
        }
    }

    /// Whether the same request may succeed later without anybody changing anything.
    pub(super) const fn is_transient(&self) -> bool {
        match self {
            Self::NotSent(_) | Self::NoAnswer(_) | Self::Ongoing => true,
            Self::Failed { status, .. } => matches!(*status, 408 | 425 | 429 | 500 | 502..=504 | 506..),
            Self::Refused { .. } | Self::Unreadable(_) => false,
        }
    }

    /// Whether a request that the coordinator does not have may still arrive there.
    pub(super) const fn may_still_arrive(&self) -> bool {
        match self {
            Self::NoAnswer(_) | Self::Unreadable(_) => true,
            // The coordinator itself says 500, after it has tried.
            Self::Failed { status, .. } => *status != 500 && !is_certain_no(*status),
            Self::NotSent(_) | Self::Refused { .. } | Self::Ongoing => false,
        }
    }
}

const fn is_certain_no(status: u16) -> bool {
    matches!(status, 300..=407 | 409..=417 | 421..=426 | 428 | 429 | 431 | 451 | 501 | 503 | 505)
}
