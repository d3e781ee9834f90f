//! What can happen to a transaction, and what then has to be done.

use branchwire_protocol::{Answer, BranchId, Status, TransType};

use super::{Branch, LastAnswer, State, Time};

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
    /// A client adds a branch.
    RegisterBranch {
        /// The branch's id.
        branch_id: BranchId,
        /// What can be asked of it; each has that id.
        rows: Vec<Branch>,
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
    /// The call of query-prepared has ended.
    Asked(CallResult),
    /// The call of a branch has ended.
    Answered {
        /// Which one, by its place in the definition.
        branch: usize,
        /// How.
        result: CallResult,
    },
    /// The process is about to stop, and makes no more calls.
    Stop,
}

/// How a call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CallResult {
    /// It was made, and this came of it.
    Made(LastAnswer),
    /// It was not made: too many calls are in flight.
    NotMade,
}

impl From<Answer> for CallResult {
    fn from(answer: Answer) -> Self {
        Self::Made(LastAnswer { answer, http_status: None })
    }
}

impl Event {
    /// The event's name, for errors and logs.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Prepare => "prepare",
            Self::Submit => "submit",
            Self::Abort { .. } => "abort",
            Self::RegisterBranch { .. } => "registerBranch",
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
pub struct Transition {
    /// The new state.
    pub state: State,
    /// Branches that are added to the definition, and become durable with the first [`Command::Save`].
    pub appended: Vec<Branch>,
    /// What to do. Stops at the first command that fails.
    pub commands: Vec<Command>,
}

impl Transition {
    pub(super) fn new(state: State, commands: Vec<Command>) -> Self {
        Self { state, appended: Vec::new(), commands }
    }
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
    /// A branch refused or works on it still: the transaction goes on later.
    Ongoing,
    /// A branch gave no clear answer: the transaction goes on later.
    Unknown,
    /// It was decided to roll the transaction back, which is not finished.
    RollingBack,
    /// The transaction was rolled back or stopped.
    Failed,
}

/// A request that the transaction's status does not allow: DTM's answer 409, with its text.
#[derive(Debug, Clone, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum NotAllowed {
    /// Only a prepared transaction can be prepared again.
    #[error("current status '{0}', cannot prepare. FAILURE")]
    Prepare(Status),
    /// Only a prepared or submitted one can be submitted. The word is spelled as DTM does, on which clients may match.
    #[error("current status '{0}', cannot sumbmit. FAILURE")]
    Submit(Status),
    /// The pattern or the status does not allow an abort.
    #[error("trans type: '{0}' current status '{1}', cannot abort. FAILURE")]
    Abort(TransType, Status),
    /// The pattern or the status does not allow new branches.
    #[error("current status '{1}', cannot register a branch of a '{0}'. FAILURE")]
    Register(TransType, Status),
    /// The branch is registered already, and differs.
    #[error("branch '{0}' is registered already, with other addresses or data. FAILURE")]
    RegisteredOtherwise(BranchId),
    /// One that has ended cannot be stopped.
    #[error("global transaction force stop error. status: {0}. error: FAILURE")]
    ForceStop(Status),
}

/// Why nothing follows from an event.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EngineError {
    /// The client asked for what the status does not allow; nothing has changed.
    #[error(transparent)]
    NotAllowed(#[from] NotAllowed),
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
