//! The client: `do_and_submit`, step by step.

use branchwire::protocol::Status;

use super::world::{Request, Response};

/// The state of a client's process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Client {
    /// Nothing was sent yet.
    Starts,
    /// Waits for the answer to `prepare`.
    Prepares,
    /// About to begin its transaction.
    Begins,
    /// Its transaction is open, and holds the barrier row.
    InTransaction,
    /// Asks its own database: it has not committed, or does not know.
    Doubts {
        /// `Some(false)`: certainly not.
        committed: Option<bool>,
    },
    /// Committed; about to submit.
    Submits,
    /// Waits for the answer to `submit`.
    AwaitsSubmit,
    /// Queries the message's status, since the outcome of `submit` is unknown.
    Queries,
    /// Asks how the message of this gid stands, since `prepare` was refused and there is no barrier row.
    LooksUp,
    /// `do_and_submit` has returned.
    Done(Outcome),
    /// The process is gone.
    Dead,
}

/// What `do_and_submit` returned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Outcome {
    /// Not begun.
    NotStarted,
    /// Not begun: an earlier call with this gid has committed.
    Repeated,
    /// Not begun: the gid was given up earlier, and nothing will ever happen under it.
    GivenUp,
    /// Rolled back.
    RolledBack,
    /// Committed and submitted.
    Submitted,
    /// Committed, the coordinator will ask.
    Committed,
    /// Committed, and ended at the coordinator all the same.
    Stopped,
    /// Not known.
    Unknown,
}

/// How a COMMIT ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CommitEnd {
    /// Committed.
    Committed,
    /// Committed, but the answer was lost.
    CommittedUnheard,
    /// Lost, and so was the answer.
    LostUnheard,
    /// Refused.
    Refused,
}

impl CommitEnd {
    /// Whether it has taken effect.
    pub const fn is_committed(self) -> bool {
        matches!(self, Self::Committed | Self::CommittedUnheard)
    }
}

/// A next step of a client, if it or its database has a choice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Decision {
    /// The next thing.
    GoOn,
    /// The business says yes.
    Commit(CommitEnd),
    /// The business says no.
    RollBack,
    /// Query-prepared on its own database has an effect, but its response is lost.
    AskUnheard,
}

impl Decision {
    /// Whether it is a fault.
    pub const fn is_unclear(self) -> bool {
        match self {
            Self::GoOn | Self::RollBack | Self::Commit(CommitEnd::Committed) => false,
            Self::Commit(_) | Self::AskUnheard => true,
        }
    }
}

impl Client {
    /// Whether it is a process that can die.
    pub(super) const fn is_alive(self) -> bool {
        !matches!(self, Self::Starts | Self::Done(_) | Self::Dead)
    }

    /// Whether it waits for the coordinator.
    pub(super) const fn is_waiting(self) -> bool {
        matches!(self, Self::Prepares | Self::AwaitsSubmit | Self::Queries | Self::LooksUp)
    }

    /// What it waits for an answer to.
    pub(super) fn request(self) -> Request {
        match self {
            Self::Prepares => Request::Prepare,
            Self::AwaitsSubmit => Request::Submit,
            _ => Request::Query,
        }
    }

    /// Its possible next steps; `free`: the barrier row is not locked.
    pub(super) fn decisions(self, free: bool, unclear: bool) -> Vec<Decision> {
        let all: &[Decision] = match self {
            Self::Starts | Self::Submits => &[Decision::GoOn],
            Self::Begins if free => &[Decision::GoOn],
            Self::InTransaction => &[
                Decision::Commit(CommitEnd::Committed),
                Decision::RollBack,
                Decision::Commit(CommitEnd::CommittedUnheard),
                Decision::Commit(CommitEnd::LostUnheard),
                Decision::Commit(CommitEnd::Refused),
            ],
            Self::Doubts { .. } => &[Decision::GoOn, Decision::AskUnheard],
            _ => &[],
        };
        all.iter().copied().filter(|decision| unclear || !decision.is_unclear()).collect()
    }

    /// Whether this is what it waits for.
    pub(super) fn waits_for(self, response: Response) -> bool {
        match (self, response) {
            (Self::Prepares, Response::Accepted(request) | Response::Refused(request)) => request == Request::Prepare,
            (Self::AwaitsSubmit, Response::Accepted(request) | Response::Refused(request)) => {
                request == Request::Submit
            }
            (Self::Queries | Self::LooksUp, Response::Stands(_)) => true,
            _ => false,
        }
    }

    /// The coordinator's answer.
    pub(super) fn hears(&mut self, response: Response) {
        *self = match (*self, response) {
            (Self::Prepares, Response::Accepted(_)) => Self::Begins,
            (Self::AwaitsSubmit, Response::Accepted(_)) => Self::Done(Outcome::Submitted),
            (Self::Queries, Response::Stands(status)) => Self::Done(match status {
                Some(Status::Succeed | Status::Submitted | Status::Aborting) => Outcome::Submitted,
                Some(Status::Failed) => Outcome::Stopped,
                Some(Status::Prepared) | None => Outcome::Committed,
            }),
            (Self::LooksUp, Response::Stands(status)) => Self::Done(match status {
                Some(Status::Succeed | Status::Submitted | Status::Aborting) => Outcome::Repeated,
                Some(Status::Failed) => Outcome::GivenUp,
                Some(Status::Prepared) | None => Outcome::NotStarted,
            }),
            (other, _) => other,
        };
    }
}
