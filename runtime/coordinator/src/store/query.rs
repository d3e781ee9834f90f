//! The parameters and results of a store's other calls.

use std::str::FromStr;
use std::time::Duration;

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
    /// Those that are unfinished, ours, and need this kind of attention at this time.
    pub attention: Option<(Attention, Time)>,
    /// Those with a smaller id.
    pub position: Option<i64>,
    /// How many at most.
    pub limit: u32,
}

/// Why an unfinished transaction may need attention; the numbers are in [`Unfinished`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attention {
    /// None in particular.
    Unfinished,
    /// Its row makes no sense, and it is put aside.
    Parked,
    /// It should have ended.
    Overdue,
    /// A call did not succeed at its first attempt.
    Retried,
}

/// A word that names no [`Attention`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnknownAttention;

impl Attention {
    /// All of them.
    pub(crate) const ALL: [Self; 4] = [Self::Unfinished, Self::Parked, Self::Overdue, Self::Retried];

    /// Its word.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Unfinished => "unfinished",
            Self::Parked => "parked",
            Self::Overdue => "overdue",
            Self::Retried => "retried",
        }
    }
}

impl FromStr for Attention {
    type Err = UnknownAttention;

    fn from_str(word: &str) -> Result<Self, UnknownAttention> {
        Self::ALL.into_iter().find(|it| it.as_str() == word).ok_or(UnknownAttention)
    }
}

/// How many transactions of one pattern are unfinished.
#[derive(Debug, Clone, Default, PartialEq, Eq, sqlx::FromRow)]
pub struct Unfinished {
    /// The pattern, as it is stored.
    pub trans_type: String,
    /// All of them.
    pub total: i64,
    /// Those that are put aside as corrupt. The other numbers do not count them.
    pub parked: i64,
    /// Those that are prepared.
    pub prepared: i64,
    /// Those with a call that did not succeed at its first attempt.
    pub retried: i64,
    /// Those that should have ended; see [`OVERDUE_AFTER`].
    pub overdue: i64,
    /// The age of the oldest, in milliseconds.
    pub oldest_ms: i64,
}

/// The leases of one coordinator.
#[derive(Debug, Clone, Default, PartialEq, Eq, sqlx::FromRow)]
#[cfg_attr(not(feature = "console"), allow(dead_code, reason = "for a page of the console"))]
pub struct Leases {
    /// The coordinator's name in the rows.
    pub owner: String,
    /// On how many transactions it has one.
    pub transactions: i64,
    /// In how many milliseconds the first one ends; negative if it has ended.
    pub first_ms: i64,
    /// In how many milliseconds the last one ends.
    pub last_ms: i64,
}

/// An unfinished transaction that is older than this is overdue if its calls had to be repeated, if it was not submitted and
/// nobody can be asked, or if nobody has run it for as long as this since it was due.
pub const OVERDUE_AFTER: Duration = Duration::from_mins(1);

/// A transaction that is due later than this is parked if its row has a reason: the longest wait is a day, or a client's
/// delay.
pub(crate) const PARKED_AFTER: Duration = Duration::from_hours(50 * 365 * 24);

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
