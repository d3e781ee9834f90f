//! What a client is told.

/// The result that a client got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Told {
    /// The coordinator has it; a message has committed, a TCC is confirmed.
    Submitted {
        /// Every branch has been applied.
        finished: bool,
    },
    /// Committed or confirmed by an earlier call, or submitted by one.
    Repeated {
        /// Every branch has been applied.
        finished: bool,
    },
    /// Committed.
    Committed,
    /// Committed, and ended all the same.
    Stopped,
    /// Not known.
    Unknown,
    /// Nothing has happened, and nothing ever will under this gid.
    GivenUp,
    /// Nothing has happened.
    NotDone,
    /// Of a saga or a TCC: it is undone, or being undone.
    Undone {
        /// All that was applied is undone.
        finished: bool,
    },
    /// The gid belongs to something else.
    Another,
}
