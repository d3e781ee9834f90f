//! The changes of transactions that a store makes durable.

use std::sync::Arc;
#[cfg(any(feature = "postgres", feature = "mysql"))]
use std::time::Duration;

use branchwire_protocol::{BranchId, Gid, Op, Status};

use super::ours::is_lease;
use crate::engine::{BranchOp, Definition, State, Time};

/// A change to make durable.
#[derive(Debug, Clone)]
pub enum Write {
    /// A new transaction.
    Create {
        /// The transaction.
        definition: Arc<Definition>,
        /// Its state.
        state: State,
        /// The owner of its lease; empty: none.
        owner: String,
    },
    /// A transaction's new state.
    Change(Change),
    /// Puts a corrupt row aside: it is not taken again until an administrator asks for it.
    Park {
        /// The row's gid, which may be invalid.
        gid: String,
        /// Why it is corrupt.
        reason: String,
    },
}

impl Write {
    /// The gid of its transaction.
    pub fn gid(&self) -> &str {
        match self {
            Self::Create { definition, .. } => definition.gid.as_str(),
            Self::Change(change) => change.gid.as_str(),
            Self::Park { gid, .. } => gid,
        }
    }
}

/// A transaction's new state, applied only if it still has the expected status and owner.
#[derive(Debug, Clone)]
pub struct Change {
    /// Its gid.
    pub gid: Gid,
    /// The status that it must have.
    pub from: Status,
    /// The owner that it must have; empty: none.
    pub from_owner: String,
    /// The status it gets.
    pub status: Status,
    /// The owner that it gets; empty: none.
    pub owner: String,
    /// The interval between calls, in milliseconds.
    pub interval_ms: i64,
    /// When it is due next, or when its lease ends.
    pub due: Time,
    /// When it ended.
    pub ended: Option<Time>,
    /// Why it was rolled back.
    pub rollback_reason: String,
    /// When this happened.
    pub at: Time,
    /// The branches that were done. None of them is among `appended`, of this change or another one of its batch.
    pub branches: Vec<BranchChange>,
    /// New branches, appended in this order after the existing ones, with the status `prepared`. An existing one (the
    /// same branch id and op) stays as it is, and the outcome is [`WriteOutcome::Conflict`]: another coordinator may have
    /// added it since the transaction was read, with other data.
    pub appended: Vec<BranchOp>,
    /// The new value of `ext_data`; `None` leaves it as it is.
    pub ext_data: Option<String>,
}

impl Change {
    /// Whether it takes a run over from another coordinator, which is allowed only once that coordinator's lease has
    /// ended.
    #[allow(dead_code, reason = "only several coordinators of one store take runs over from each other")]
    pub fn takes_over(&self) -> bool {
        self.from == self.status
            && !self.owner.is_empty()
            && self.owner != self.from_owner
            && is_lease(&self.from_owner)
    }

    /// The time until it is due, a duration and so independent of any clock.
    #[cfg(any(feature = "postgres", feature = "mysql"))]
    pub(crate) fn wait(&self) -> Duration {
        self.at.until(self.due)
    }

    /// `finish_time` and `rollback_time`, in milliseconds: only the one that fits the status is set.
    pub(crate) fn end_times(&self) -> (Option<i64>, Option<i64>) {
        let ended = self.ended.map(Time::as_millis);
        if self.status == Status::Failed { (None, ended) } else { (ended, None) }
    }
}

/// A branch is done.
#[derive(Debug, Clone)]
pub struct BranchChange {
    /// Its id.
    pub branch_id: BranchId,
    /// Its op.
    pub op: Op,
    /// The status it gets.
    pub status: Status,
    /// When.
    pub at: Time,
}

/// The outcome of a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum WriteOutcome {
    /// The row now is as requested.
    Applied,
    /// The row does not have the expected status and owner (for [`Write::Create`]: it exists already). Nothing has
    /// changed. Or one of the appended branches exists already.
    Conflict,
}
