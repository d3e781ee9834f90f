//! The questions to a pattern, and their answers.

use std::fmt;
use std::time::Duration;

use branchwire_protocol::{Answer, Op};
use bytes::Bytes;
use http::Method;

use crate::engine::{Definition, RunEnd, Setback, State, Time};

/// What a pattern decides.
pub(crate) trait Pattern: fmt::Debug + Sync {
    /// Where its rows come from.
    fn rows(&self) -> Rows;

    /// Whether its client prepares it before it submits it. Only a guess that saves a query: nothing depends on it.
    fn is_prepared_first(&self, _: &Definition) -> bool {
        false
    }

    /// What happens to a transaction that stays in this state for too long.
    fn overdue(&self, definition: &Definition, state: &State) -> Overdue;

    /// Which calls to make in the present state. It may name calls that are in flight, or that failed in this run: those
    /// are not made again before the next run.
    fn next(&self, definition: &Definition, state: &State, now: Time) -> Next;

    /// What an answer to this op means; the state has counted the call already. Also asked of the answers of
    /// query-prepared, with the op of [`Pattern::question`].
    fn verdict(&self, definition: &Definition, state: &State, op: &Op, answer: Answer) -> Verdict;

    /// Whether a client may ask for this in this state.
    fn allows(&self, definition: &Definition, state: &State, request: Request) -> Permission;

    /// Whether a success must be durable before the calls that follow it, because it decides what is undone later. For
    /// other patterns a lost success costs one repeated call.
    fn saves_progress(&self) -> bool {
        false
    }

    /// Whether the success of this call is recorded if it comes after the transaction has turned back.
    fn records_late(&self, _: &Definition, _branch: usize) -> bool {
        true
    }

    /// How a run ends in which a branch gave no clear answer.
    fn unclear(&self) -> RunEnd {
        RunEnd::Unknown
    }

    /// The request that query-prepared gets.
    fn question(&self, _: &Definition) -> Question {
        Question { method: Method::GET, op: Op::Msg, body: Bytes::new() }
    }
}

/// Where the rows of a pattern come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Rows {
    /// One for each step, or for each subscriber of its topic.
    Steps,
    /// Two for each step: its compensation, then its action.
    Pairs,
    /// Two for each branch that is registered while the transaction is prepared, with these ops.
    ///
    /// Several coordinators may add branches, so the one that ends the registration may not know them all: it reads the
    /// branches again before it runs the transaction.
    Registered([Op; 2]),
}

/// What happens to an overdue transaction. Times count from its creation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Overdue {
    /// After this time query-prepared is asked.
    Ask(Duration),
    /// After this time it is rolled back.
    Abort(Duration),
    /// Nothing: the status has no limit.
    Wait,
}

/// Which calls to make in a state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Next {
    /// These now, by their indexes in the definition. An empty list means: wait for the calls in flight.
    Calls(Vec<usize>),
    /// None before this time.
    NotBefore(Time),
    /// No more: the transaction ends in its direction.
    Done,
    /// None, ever: the pattern does not use this status. A stored row with it is corrupt.
    Never,
}

/// What an answer means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The op is done. Of query-prepared: the local transaction has committed.
    Done,
    /// The call must be repeated later.
    Setback(Setback),
    /// The branch has refused for good: the transaction is rolled back.
    RollBack,
    /// The branch is not called again, though it may have applied its op: the transaction is rolled back for this reason.
    GiveUp(String),
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
