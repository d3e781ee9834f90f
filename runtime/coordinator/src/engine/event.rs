//! What can happen to a transaction, and what then has to be done.

use branchwire_protocol::{Answer, Status, TransType};

use super::{State, Time};

/// How a transaction comes into being.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Opening {
    /// `prepare`: recorded, nothing is called yet.
    Prepare,
    /// `submit` without a `prepare` before: recorded and run.
    Submit,
}

/// Something that happened to a transaction.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Event {
    /// A client prepares it (again).
    Prepare,
    /// A client submits it.
    Submit,
    /// A client gives it up.
    Abort {
        /// Why, in the client's words; may be empty.
        reason: String,
    },
    /// An administrator ends it, whatever its branches did.
    ForceStop,
    /// An administrator wants it taken up now.
    ResetNextCronTime,
    /// It was due, and the store gave it to us.
    Due {
        /// When our lease ends.
        until: Time,
    },
    /// Query-prepared answered.
    Asked(Answer),
    /// A branch answered.
    Answered {
        /// Which one, by its place in the definition.
        branch: usize,
        /// What.
        answer: Answer,
    },
    /// The process is about to stop, and makes no more calls.
    Stop,
}

impl Event {
    /// The event's name, for errors and logs.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Prepare => "prepare",
            Self::Submit => "submit",
            Self::Abort { .. } => "abort",
            Self::ForceStop => "forceStop",
            Self::ResetNextCronTime => "resetNextCronTime",
            Self::Due { .. } => "due",
            Self::Asked(_) => "asked",
            Self::Answered { .. } => "answered",
            Self::Stop => "stop",
        }
    }
}

/// What follows from an event: the new state, and what to do, in this order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// The new state.
    pub state: State,
    /// What to do. Stops at the first command that fails.
    pub commands: Vec<Command>,
}

/// Something to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Command {
    /// Make the new state durable. What follows is done only once it is.
    Save,
    /// Hand the new state to the store without waiting for it: losing it costs one repeated call and no more.
    Record,
    /// Tell the client that its request was accepted.
    Accept,
    /// Ask query-prepared.
    Ask,
    /// Call this branch.
    Call(usize),
    /// Tell those who wait for the run how it ended.
    Report(RunEnd),
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RunEnd {
    /// All branches are done.
    Succeed,
    /// A branch refused or works on it still: it will succeed later.
    Ongoing,
    /// A branch gave no clear answer: it will succeed later.
    Unknown,
    /// The transaction was stopped.
    Failed,
}

/// A request that the transaction's status does not allow: DTM's answer 409, with its text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Refusal {
    /// Only a prepared transaction can be prepared again.
    #[error("current status '{0}', cannot prepare. FAILURE")]
    Prepare(Status),
    /// Only a prepared or submitted one can be submitted. The word is spelled as DTM does, on which clients may match.
    #[error("current status '{0}', cannot sumbmit. FAILURE")]
    Submit(Status),
    /// Only a prepared message can be aborted.
    #[error("trans type: '{0}' current status '{1}', cannot abort. FAILURE")]
    Abort(TransType, Status),
    /// One that has ended cannot be stopped.
    #[error("global transaction force stop error. status: {0}. error: FAILURE")]
    ForceStop(Status),
}

/// Why an event led to no step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EngineError {
    /// The client asked for what the status does not allow; nothing has changed.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// Such an event cannot happen in such a status: a stored row that makes no sense, or a fault of the program.
    /// The transaction is to be parked and shown.
    #[error("`{event}` cannot happen to a transaction that is `{status}`")]
    Impossible {
        /// The status.
        status: Status,
        /// The event.
        event: &'static str,
    },
}
