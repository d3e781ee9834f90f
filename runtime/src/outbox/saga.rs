//! What the sender of a saga is told.

use crate::protocol::Gid;

/// The result of a saga that was sent by an outbox. Do not send it again: its local transaction has committed, or may have.
///
/// It says whether the saga is certain to begin. How it ends is another question:
/// [`Client::outcome`](crate::protocol::client::Client::outcome) waits for that. A saga that is rolled back does not undo the
/// local transaction.
///
/// Exhaustive: each caller has to handle every case, also a new one.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use = "it says whether the coordinator has heard of the saga"]
pub enum SagaSent<T> {
    /// Committed here, and the coordinator has the saga.
    Submitted {
        /// The saga's gid.
        gid: Gid,
        /// What the business returned.
        value: T,
    },
    /// Committed here, and the coordinator has not acknowledged the saga yet: it will be sent.
    Committed {
        /// The saga's gid.
        gid: Gid,
        /// What the business returned.
        value: T,
    },
    /// An earlier call with this gid has committed. This call has changed nothing, and its business has not run.
    Repeated {
        /// The saga's gid.
        gid: Gid,
    },
    /// Committed, now or earlier, but the coordinator does not take the saga: see [`Outbox::stuck`](super::Outbox::stuck).
    Stuck {
        /// The saga's gid.
        gid: Gid,
        /// What the business returned; `None` if an earlier call has committed.
        value: Option<T>,
    },
    /// A statement of the business ended the local transaction: a part of it may be missing. See
    /// [`Done::EndedEarly`](crate::Done::EndedEarly). The saga is sent.
    EndedEarly {
        /// The saga's gid.
        gid: Gid,
    },
    /// It is not known yet whether it has committed. If it has, the saga is sent.
    Unknown {
        /// The saga's gid.
        gid: Gid,
    },
}

impl<T> SagaSent<T> {
    /// The saga's gid.
    pub fn gid(&self) -> &Gid {
        match self {
            Self::Submitted { gid, .. }
            | Self::Committed { gid, .. }
            | Self::Repeated { gid }
            | Self::Stuck { gid, .. }
            | Self::EndedEarly { gid }
            | Self::Unknown { gid } => gid,
        }
    }
}
