//! The questions to a pattern, and their answers.

use std::fmt;
use std::time::Duration;

use branchwire_protocol::{Answer, Op, Status};
use bytes::Bytes;
use http::Method;

use crate::engine::{Definition, Setback, State, Time};

/// What a pattern decides.
pub(crate) trait Pattern: fmt::Debug + Sync {
    /// What happens to a transaction that stays in this status for too long.
    fn overdue(&self, definition: &Definition, status: Status) -> Overdue;

    /// Which calls to make in the present status.
    fn next(&self, definition: &Definition, state: &State, now: Time) -> Next;

    /// What an answer to this op means. Also asked of the answers of query-prepared, with the op of [`Pattern::question`].
    fn verdict(&self, op: &Op, answer: Answer) -> Verdict;

    /// Whether a client may ask for this in this status.
    fn allows(&self, status: Status, request: Request) -> Permission;

    /// The request that query-prepared gets.
    fn question(&self, definition: &Definition) -> Question;
}

/// What happens to an overdue transaction. Times count from its creation.
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

/// Which calls to make in a status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Next {
    /// These now, by their indexes in the definition. At least one.
    Calls(Vec<usize>),
    /// None before this time.
    NotBefore(Time),
    /// No more: the transaction ends in its direction.
    Done,
    /// None, ever: the pattern does not use this status. A stored row with it is corrupt.
    Never,
}

/// What an answer means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The op is done. Of query-prepared: the local transaction has committed.
    Done,
    /// The call must be repeated later.
    Setback(Setback),
    /// The transaction is rolled back.
    RollBack,
}

/// A client's request to a transaction.
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

/// What to do with a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Permission {
    /// Carry it out.
    Act,
    /// Acknowledge it: it was carried out before, and nothing runs because of it.
    Acknowledge,
    /// Refuse it: the status does not allow it.
    Refuse,
}

/// The request that query-prepared gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Question {
    pub(crate) method: Method,
    pub(crate) op: Op,
    pub(crate) body: Bytes,
}
