//! What distinguishes the patterns: four questions, which each pattern answers by pure functions in a file of its own.
//!
//! The table in `step` asks them, and knows no pattern. How calls are made and repeated, leases, intervals and reports
//! are the same for all patterns.

mod msg;
#[cfg(test)]
pub(super) mod reserve;

use std::fmt;
use std::time::Duration;

use branchwire_protocol::{Answer, Op, Status, TransType};
use bytes::Bytes;
use http::Method;

use super::{Definition, Setback, State, Time};

/// The patterns that are built. Transactions of the others are refused by the API, and left alone in a shared store.
pub(crate) const BUILT: &[TransType] = &[TransType::Msg];

/// What a pattern decides.
pub(crate) trait Pattern: fmt::Debug + Sync {
    /// What becomes of a transaction that stays in this status for too long.
    fn overdue(&self, definition: &Definition, status: Status) -> Overdue;

    /// Which calls the present status wants.
    fn next(&self, definition: &Definition, state: &State, now: Time) -> Next;

    /// What an answer to this op means. Also asked of the answers of query-prepared, with the op of [`Pattern::question`].
    fn verdict(&self, op: &Op, answer: Answer) -> Verdict;

    /// Whether a client may ask for this in this status.
    fn allows(&self, status: Status, request: Request) -> Permission;

    /// What query-prepared is sent.
    fn question(&self, definition: &Definition) -> Question;
}

/// What becomes of a transaction that is overdue. Times count from its creation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Overdue {
    /// After this time query-prepared is asked.
    Ask(Duration),
    /// After this time it is rolled back.
    #[cfg_attr(not(test), expect(dead_code, reason = "no pattern that is built has such a limit"))]
    Abort(Duration),
    /// Nothing: the status has no limit.
    Wait,
}

/// Which calls a status wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Next {
    /// These now, by their places in the definition. At least one.
    Calls(Vec<usize>),
    /// None before this time.
    NotBefore(Time),
    /// No more: the transaction ends in its direction.
    Done,
    /// None, ever: the pattern does not use this status. A stored row that has it makes no sense.
    Never,
}

/// What an answer means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The op is done. Of query-prepared: the local transaction has committed.
    Done,
    /// The call is to be repeated later.
    Setback(Setback),
    /// The transaction is rolled back.
    RollBack,
}

/// What a client may ask of a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Request {
    /// Record it (again).
    Prepare,
    /// Carry it out.
    Submit,
    /// Roll it back.
    Abort,
    /// Add a branch.
    RegisterBranch,
}

/// Whether a request is carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Permission {
    /// It is.
    Act,
    /// It was already: it is acknowledged, and nothing runs because of it.
    Acknowledge,
    /// It is not, and cannot be in this status.
    Refuse,
}

/// What query-prepared is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Question {
    pub(crate) method: Method,
    pub(crate) op: Op,
    pub(crate) body: Bytes,
}

/// The pattern of this name.
pub(crate) fn of(trans_type: TransType) -> &'static dyn Pattern {
    match trans_type {
        TransType::Msg => &msg::Msg,
        #[cfg(test)]
        TransType::Tcc => &reserve::Reserve,
        #[cfg(not(test))]
        TransType::Tcc => &NotBuilt,
        TransType::Saga | TransType::Xa | TransType::Workflow => &NotBuilt,
    }
}

/// Whether branches may be added to a prepared transaction.
///
/// Several coordinators may add some. So the one that closes the registration does not know them all: it runs the
/// transaction only after it has read the branches again.
pub(super) fn appends(pattern: &dyn Pattern) -> bool {
    pattern.allows(Status::Prepared, Request::RegisterBranch) == Permission::Act
}

/// A pattern that is not built: nothing is allowed, and nothing is called.
#[derive(Debug)]
struct NotBuilt;

impl Pattern for NotBuilt {
    fn overdue(&self, _: &Definition, _: Status) -> Overdue {
        Overdue::Wait
    }

    fn next(&self, _: &Definition, _: &State, _: Time) -> Next {
        Next::Never
    }

    fn verdict(&self, _: &Op, _: Answer) -> Verdict {
        Verdict::Setback(Setback::Unknown)
    }

    fn allows(&self, _: Status, _: Request) -> Permission {
        Permission::Refuse
    }

    fn question(&self, _: &Definition) -> Question {
        Question { method: Method::GET, op: Op::Msg, body: Bytes::new() }
    }
}
