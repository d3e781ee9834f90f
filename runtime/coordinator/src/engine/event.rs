//! The events of a transaction, and the commands that follow from them.

use branchwire_protocol::{Answer, BranchId, Gid, Status, TransType};

use super::{BranchOp, LastAnswer, State, Time};

/// How a transaction is created.
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
    /// A client aborts it.
    Abort {
        /// Why, in the client's words; may be empty.
        reason: String,
    },
    /// A client adds a branch.
    RegisterBranch {
        /// The branch's id.
        branch_id: BranchId,
        /// Its ops; each row has that id.
        rows: Vec<BranchOp>,
    },
    /// An administrator ends it, whatever the state of its branches.
    ForceStop,
    /// An administrator makes it due now.
    ResetNextCronTime,
    /// It was due, and we have taken it from the store.
    Due {
        /// When our lease ends.
        until: Time,
    },
    /// The call of query-prepared has ended.
    Asked(CallResult),
    /// The call of a branch has ended.
    Answered {
        /// The branch, by its index in the definition.
        branch: usize,
        /// The result.
        result: CallResult,
        /// What it said with a refusal: a part of the reason for a rollback, and nothing else.
        said: String,
    },
    /// The process is about to stop, and makes no more calls.
    Stop,
}

/// How a call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CallResult {
    /// The call was made, with this answer.
    Made(LastAnswer),
    /// The call was not made: too many calls are in flight.
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
    pub appended: Vec<BranchOp>,
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
    /// Make the new state durable. The commands after this one are performed only once it is.
    Save,
    /// Hand the new state to the store without waiting, at the latest with the next write. If it is lost, calls are repeated,
    /// and nothing worse.
    Record,
    /// Tell the client that its request was accepted.
    Accept,
    /// Ask query-prepared.
    Ask,
    /// Call this branch.
    Call(usize),
    /// Read the branches from the store again, since other coordinators may have added some until the decision was durable.
    /// Then go on with [`Event::Due`], under the lease that was saved with the decision.
    Read,
    /// Report the end of the run to the waiting clients.
    Report(RunEnd),
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RunEnd {
    /// All branches are done.
    Succeed,
    /// A branch refused, or is still working: the transaction goes on later.
    Ongoing,
    /// A branch gave no clear answer: the transaction goes on later.
    Unknown,
    /// The transaction is being rolled back; that is not finished.
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
    /// Only a prepared or submitted one can be submitted. The misspelling is DTM's; clients may match it.
    #[error("current status '{0}', cannot sumbmit. FAILURE")]
    Submit(Status),
    /// The gid is that of a transaction with other branches.
    #[error("the gid belongs to another transaction, with other branches or payloads. FAILURE")]
    Another,
    /// The pattern or the status does not allow an abort.
    #[error("trans type: '{0}' current status '{1}', cannot abort. FAILURE")]
    Abort(TransType, Status),
    /// Only a prepared transaction gets new branches. The words are DTM's.
    #[error("no trans with gid: {0} status: prepared found FAILURE")]
    Register(Gid),
    /// The pattern has no branches like this one.
    #[error("a '{0}' has no branches that are registered like this one. FAILURE")]
    NotOfPattern(TransType),
    /// The transaction has as many branches as it can have.
    #[error("the transaction has {0} branches already, and can have no more. FAILURE")]
    TooMany(usize),
    /// The branch is called by JSON-RPC, and its data could not be the parameters.
    #[error("branch '{0}' is called by JSON-RPC, and its data is no JSON object. FAILURE")]
    NoParameters(BranchId),
    /// The branch is registered already, and differs.
    #[error("branch '{0}' is registered already, with other addresses or data. FAILURE")]
    RegisteredOtherwise(BranchId),
    /// A transaction that has ended cannot be stopped.
    #[error("global transaction force stop error. status: {0}. error: FAILURE")]
    ForceStop(Status),
}

/// Why an event is not possible.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EngineError {
    /// The status does not allow the client's request; nothing has changed.
    #[error(transparent)]
    NotAllowed(#[from] NotAllowed),
    /// The event cannot happen in this status: the stored row is corrupt, or the program has a bug. The transaction is
    /// to be parked and shown.
    #[error("`{event}` cannot happen to a transaction that is `{status}`")]
    Impossible {
        /// The status.
        status: Status,
        /// The event.
        event: &'static str,
    },
}
