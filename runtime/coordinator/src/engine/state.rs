//! Where a transaction stands: everything about it that changes.

use std::collections::BTreeSet;
use std::time::Duration;

use branchwire_protocol::Status;

use super::definition::INTERVAL_MAX;
use super::{Definition, Time};

/// Where a transaction stands. All but `run` is durable.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct State {
    /// Its status.
    pub status: Status,
    /// The present interval between calls.
    pub interval: Duration,
    /// When it is taken up next; while a run is under way, when its lease ends.
    pub due: Time,
    /// Who holds the lease.
    pub holder: Holder,
    /// Its branches, in the definition's order.
    pub branches: Vec<BranchState>,
    /// When it ended.
    pub ended: Option<Time>,
    /// Why it was rolled back, in the client's words; may be empty.
    pub rollback_reason: String,
    /// What is under way in this process.
    pub run: Run,
}

/// Where a branch stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct BranchState {
    /// `prepared` or `succeed` for a message.
    pub status: Status,
    /// When it was done.
    pub finished: Option<Time>,
}

/// Which coordinator runs a transaction.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Holder {
    /// None: it waits until it is due.
    Nobody,
    /// This one.
    Us,
    /// Another one, until its lease ends.
    Other(String),
}

/// What is under way for a transaction in this process.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Run {
    /// Nothing.
    Idle,
    /// Query-prepared is being asked.
    Asking,
    /// Branches are being called.
    Calling {
        /// Those whose answers are still to come.
        open: BTreeSet<usize>,
        /// The worst answer so far that was no success.
        setback: Option<Setback>,
    },
}

/// Why a run has to be followed by another one; a later variant is worse.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Setback {
    /// A branch works on it still: the interval stays.
    Ongoing,
    /// A branch that must succeed in the end refused: the interval doubles.
    Refused,
    /// No clear answer: the interval doubles.
    Unknown,
}

impl State {
    /// A transaction that was just recorded as prepared.
    pub(crate) fn new(definition: &Definition) -> Self {
        let branch = BranchState { status: Status::Prepared, finished: None };
        Self {
            status: Status::Prepared,
            interval: definition.timing.retry_interval,
            due: definition.created.after(definition.timing.timeout_to_fail),
            holder: Holder::Nobody,
            branches: vec![branch; definition.branches.len()],
            ended: None,
            rollback_reason: String::new(),
            run: Run::Idle,
        }
    }

    /// Whether this process has something under way for it.
    pub fn is_running(&self) -> bool {
        self.run != Run::Idle
    }

    /// Takes or renews the lease.
    pub(super) fn hold(&mut self, until: Time) {
        self.holder = Holder::Us;
        self.due = until;
    }

    /// Ends the run without a decision: taken up again at `due`.
    pub(super) fn wait(&mut self, due: Time) {
        self.holder = Holder::Nobody;
        self.run = Run::Idle;
        self.due = due;
    }

    /// The interval that follows an unclear answer.
    pub(super) fn double_interval(&mut self) {
        self.interval = self.interval.saturating_mul(2).min(INTERVAL_MAX);
    }

    /// Ends the transaction, for good.
    pub(super) fn end(&mut self, status: Status, now: Time) {
        self.status = status;
        self.holder = Holder::Nobody;
        self.run = Run::Idle;
        self.ended = Some(now);
    }
}

impl BranchState {
    /// Whether the branch is done.
    pub fn is_done(&self) -> bool {
        self.status.is_final()
    }

    pub(super) fn succeed(&mut self, now: Time) {
        self.status = Status::Succeed;
        self.finished = Some(now);
    }
}
