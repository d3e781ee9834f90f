//! The questions to a pattern, and their answers.

use std::fmt;
use std::time::Duration;

use branchwire_protocol::{Answer, Op};
use bytes::Bytes;
use http::Method;

use crate::engine::{Definition, Setback, State, Time};

/// What a pattern decides.
pub(crate) trait Pattern: fmt::Debug + Sync {
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

    /// Whether branches may be added to a prepared transaction.
    ///
    /// Several coordinators may add branches, so the one that ends the registration may not know them all: it reads the
    /// branches again before it runs the transaction.
    fn registers(&self) -> bool {
        false
    }

    /// Whether a success must be durable before the calls that follow it, because it decides what is undone later. For
    /// other patterns a lost success costs one repeated call.
    fn saves_progress(&self) -> bool {
        false
    }

    /// The request that query-prepared gets.
    fn question(&self, definition: &Definition) -> Question;
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
