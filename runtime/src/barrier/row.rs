//! The rows of the barrier table, and their keys.

use crate::protocol::{BranchId, Gid, Op, TransType};

/// The barrier of the first (here: the only) business call within a branch.
const BARRIER_ID: &str = "01";

/// The reason in the row with which query-prepared keeps a local transaction from committing.
pub(super) const REASON_ROLLBACK: &str = "rollback";

/// The reason in the row of a call whose business ended its transaction early: a part of its work may be missing.
pub(super) const REASON_INCOMPLETE: &str = "incomplete";

/// What names one call of a branch: the key of its barrier row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BarrierKey {
    /// The global transaction.
    pub gid: Gid,
    /// The branch within it.
    pub branch_id: BranchId,
    /// What the coordinator asks of the branch, as it was sent.
    pub op: Op,
    /// The pattern; kept in the row, not part of its key.
    pub trans_type: TransType,
}

impl BarrierKey {
    /// The key of a message's local transaction: branch `00`, op `msg`.
    pub fn local(gid: Gid) -> Self {
        Self { gid, branch_id: BranchId::local(), op: Op::Msg, trans_type: TransType::Msg }
    }

    /// The op that undoes this call, if its pattern has one.
    pub(super) fn undone_by(&self) -> Option<Op> {
        match (self.trans_type, &self.op) {
            (TransType::Saga, Op::Action) => Some(Op::Compensate),
            (TransType::Tcc, Op::Try) => Some(Op::Cancel),
            _ => None,
        }
    }

    /// The row of this call.
    pub(super) fn row(&self) -> BarrierRow<'_> {
        self.row_of(self.op.as_str(), self.op.as_str())
    }

    /// A row of this branch: `op` is in its key, `reason` says who inserts it.
    pub(super) fn row_of<'a>(&'a self, op: &'a str, reason: &'a str) -> BarrierRow<'a> {
        BarrierRow {
            trans_type: self.trans_type.as_str(),
            gid: self.gid.as_str(),
            branch_id: self.branch_id.as_str(),
            op,
            barrier_id: BARRIER_ID,
            reason,
        }
    }
}

/// One row of the barrier table. Its fields have the names of DTM's columns.
#[derive(Debug, Clone, Copy)]
pub struct BarrierRow<'a> {
    /// The pattern; not part of the key.
    pub trans_type: &'a str,
    /// The global transaction.
    pub gid: &'a str,
    /// The branch within it.
    pub branch_id: &'a str,
    /// The call that the row stands for.
    pub op: &'a str,
    /// Which of the business calls within the branch.
    pub barrier_id: &'a str,
    /// The op that has inserted the row: the row's own, or the one that undoes it. Not part of the key.
    pub reason: &'a str,
}

/// Whether a name stands for itself between the quotes of a text of SQL, whatever the settings of the session are.
#[cfg(feature = "postgres")]
pub(super) fn is_plain(name: &str) -> bool {
    name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.:/".contains(&byte))
}
