//! The parameters and results of a store's other calls.

use super::row::Row;
use crate::engine::Time;

/// Which due transactions to take.
#[derive(Debug, Clone)]
pub struct Take {
    /// The time.
    pub now: Time,
    /// When the lease ends.
    pub until: Time,
    /// The owner that takes them.
    pub owner: String,
    /// How many at most.
    pub limit: u32,
}

/// The transactions that were taken.
#[derive(Debug, Clone, Default)]
pub struct Taken {
    /// Their current rows, with their branches.
    pub rows: Vec<Row>,
    /// When the next other one is due; `None` if there is none.
    pub next_due: Option<Time>,
}

/// Which transactions to list. An empty or `None` field does not restrict the list.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Only the one with this gid.
    pub gid: String,
    /// Those in this status.
    pub status: String,
    /// Those of this pattern.
    pub trans_type: String,
    /// Those created at this time or later.
    pub created_from: Option<Time>,
    /// Those created at this time or earlier.
    pub created_to: Option<Time>,
    /// Those with a smaller id.
    pub position: Option<i64>,
    /// How many at most.
    pub limit: u32,
}

/// The result of [`Store::reset_due`](super::Store::reset_due).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ResetDue {
    /// How many became due.
    pub succeed_count: u64,
    /// Whether there are more.
    pub has_remaining: bool,
}

/// Which transactions to remove.
#[derive(Debug, Clone, Copy)]
pub struct Sweep {
    /// Those with a larger id.
    pub after_id: i64,
    /// Those that ended before this time.
    pub ended_before: Time,
    /// How many to look at.
    pub limit: u32,
}

impl Sweep {
    /// Chooses from `rows`, each an id with the times of its creation and its end in milliseconds. Returns the ids to
    /// remove, and the id to continue after.
    pub(crate) fn choose(&self, rows: &[(i64, i64, Option<i64>)]) -> (Vec<i64>, Option<i64>) {
        let before = self.ended_before.as_millis();
        let old = rows.iter().filter(|(_, _, ended)| ended.is_some_and(|ended| ended < before));
        let ids = old.map(|(id, _, _)| *id).collect();
        let full = rows.len() >= usize::try_from(self.limit).unwrap_or(usize::MAX);
        let last = rows.last().filter(|(_, created, _)| full && *created < before).map(|(id, _, _)| *id);
        (ids, last)
    }
}

/// An entry of the key-value table.
#[derive(Debug, Clone, Default, PartialEq, Eq, sqlx::FromRow)]
#[allow(missing_docs, reason = "the names are DTM's columns; times in milliseconds since the Unix epoch")]
pub struct KvRow {
    pub id: i64,
    pub cat: String,
    pub k: String,
    pub v: String,
    pub version: i64,
    pub create_time: i64,
    pub update_time: i64,
}

/// A change of one entry of the key-value table.
#[derive(Debug, Clone)]
pub struct KvPut {
    /// Its category.
    pub cat: String,
    /// Its key.
    pub k: String,
    /// The version it must have; `None`: it must not exist.
    pub version: Option<i64>,
    /// Its new value; `None` deletes it.
    pub v: Option<String>,
    /// When.
    #[allow(dead_code, reason = "MySQL takes the time of its own clock")]
    pub at: Time,
}
