//! The state of a transaction: everything about it that changes.

use std::collections::BTreeSet;
use std::time::Duration;

use branchwire_protocol::{Answer, Status};

use super::definition::INTERVAL_MAX;
use super::{Definition, Time};

/// The longest reason for a rollback, in characters: the limit of DTM's tables.
pub(crate) const REASON_CHARS_MAX: usize = 1_024;

/// The state of a transaction. All but `run` is durable.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct State {
    /// Its status.
    pub status: Status,
    /// The present interval between calls.
    pub interval: Duration,
    /// When it is due next; during a run, when its lease ends.
    pub due: Time,
    /// Who holds the lease.
    pub holder: Holder,
    /// Its branches, in the definition's order.
    pub branches: Vec<BranchState>,
    /// The calls of query-prepared.
    pub question: Calls,
    /// When it ended.
    pub ended: Option<Time>,
    /// Why it was rolled back: the first given reason. May be empty.
    pub rollback_reason: String,
    /// Its run in this process.
    pub run: Run,
}

/// The direction of a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Direction {
    /// Everything is to be applied.
    Forward,
    /// Nothing is to remain applied.
    Back,
}

/// The state of a branch's op.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct BranchState {
    /// `prepared` until it is done or, if the pattern allows that, has refused.
    pub status: Status,
    /// When it was done.
    pub finished: Option<Time>,
    /// Its calls so far.
    pub calls: Calls,
}

/// The calls of one op so far, for operators.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Calls {
    /// How many were made.
    pub attempts: u32,
    /// How many of them gave no clear answer.
    pub unclear: u32,
    /// The result of the last one.
    pub last: Option<LastAnswer>,
}

/// The result of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct LastAnswer {
    /// What it means.
    pub answer: Answer,
    /// The HTTP status; `None` if there was no response.
    pub http_status: Option<u16>,
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

/// The run of a transaction in this process.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Run {
    /// Nothing.
    Idle,
    /// Query-prepared is being asked.
    Asking,
    /// Branches are being called.
    Calling {
        /// The branches whose calls are in flight, by index.
        open: BTreeSet<usize>,
        /// Those of `open` that were called before the transaction turned back. Their answers are recorded, and decide
        /// nothing.
        late: BTreeSet<usize>,
        /// Those called in this run, in the present direction.
        called: BTreeSet<usize>,
        /// The worst answer so far other than a success, in the present direction.
        setback: Option<Setback>,
    },
}

/// Why another run has to follow; a later variant is worse.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Setback {
    /// The call was not made, because too many are in flight: the interval stays.
    NotCalled,
    /// A branch is still working: the interval stays.
    Ongoing,
    /// A branch that must succeed in the end refused: the interval doubles.
    Refused,
    /// The answer is unknown: the interval doubles.
    Unknown,
}

impl State {
    /// A transaction that was just prepared, and is due at `due` if its client sends nothing more.
    pub(super) fn new(definition: &Definition, due: Time) -> Self {
        Self {
            status: Status::Prepared,
            interval: definition.timing.retry_interval,
            due,
            holder: Holder::Nobody,
            branches: vec![BranchState::new(); definition.branches.len()],
            question: Calls::default(),
            ended: None,
            rollback_reason: String::new(),
            run: Run::Idle,
        }
    }

    /// Whether this process is running it.
    pub fn is_running(&self) -> bool {
        self.run != Run::Idle
    }

    /// Its direction; `None` while that is not decided.
    pub fn direction(&self) -> Option<Direction> {
        match self.status {
            Status::Prepared => None,
            Status::Submitted | Status::Succeed => Some(Direction::Forward),
            Status::Aborting | Status::Failed => Some(Direction::Back),
        }
    }

    /// The calls that are not answered yet.
    pub(super) fn in_flight(&self) -> impl Iterator<Item = usize> {
        let open = match &self.run {
            Run::Calling { open, .. } => Some(open),
            Run::Idle | Run::Asking => None,
        };
        open.into_iter().flatten().copied()
    }

    /// When a branch is called next; `None` if its call is in flight, it is done, or its turn has not come yet.
    pub fn next_call(&self, branch: usize) -> Option<Time> {
        let waits = self.run == Run::Idle && !self.status.is_final();
        let asked_before = |branch: &&BranchState| !branch.is_done() && branch.calls.last.is_some();
        self.branches.get(branch).filter(asked_before).filter(|_| waits).map(|_| self.due)
    }

    /// Takes or renews the lease.
    pub(super) fn hold(&mut self, until: Time) {
        self.holder = Holder::Us;
        self.due = until;
    }

    /// Ends the run without a decision; the next one begins at `due`.
    pub(super) fn wait(&mut self, due: Time) {
        self.holder = Holder::Nobody;
        self.run = Run::Idle;
        self.due = due;
    }

    /// Doubles the interval, after an unknown answer for example.
    pub(super) fn double_interval(&mut self) {
        self.interval = self.interval.saturating_mul(2).min(INTERVAL_MAX);
    }

    /// How many rounds in a row have brought no progress, as far as the interval shows, which each of them has doubled.
    pub(crate) fn rounds(&self, definition: &Definition) -> u32 {
        let first = definition.timing.retry_interval.as_millis().max(1);
        (self.interval.as_millis() / first).checked_ilog2().unwrap_or(0)
    }

    /// Submits the transaction. Its branches have not been waited for yet, however long its sender was.
    pub(super) fn turn_forward(&mut self, definition: &Definition) {
        self.status = Status::Submitted;
        self.interval = definition.timing.retry_interval;
    }

    /// Turns the transaction back. The reason is kept if it is the first one.
    pub(super) fn turn_back(&mut self, definition: &Definition, reason: &str) {
        if let Run::Calling { open, late, called, setback } = &mut self.run {
            late.clone_from(open);
            called.clear();
            *setback = None;
        }
        self.status = Status::Aborting;
        self.interval = definition.timing.retry_interval;
        if self.rollback_reason.is_empty() {
            self.rollback_reason = reason.chars().take(REASON_CHARS_MAX).collect();
        }
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
    /// A branch that was never called.
    pub const fn new() -> Self {
        Self { status: Status::Prepared, finished: None, calls: Calls { attempts: 0, unclear: 0, last: None } }
    }

    /// Whether the branch is done, or has refused for good: it is not called again.
    pub fn is_done(&self) -> bool {
        self.status.is_final()
    }

    pub(super) fn end(&mut self, status: Status, now: Time) {
        self.status = status;
        self.finished = Some(now);
    }
}

impl Default for BranchState {
    fn default() -> Self {
        Self::new()
    }
}

impl Calls {
    pub(super) fn note(&mut self, last: LastAnswer) {
        self.attempts = self.attempts.saturating_add(1);
        self.unclear = self.unclear.saturating_add(u32::from(last.answer == Answer::Unknown));
        self.last = Some(last);
    }
}
