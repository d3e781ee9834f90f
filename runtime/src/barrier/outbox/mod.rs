//! The rows of the outbox: messages that the local transaction has promised to send.
//!
//! A row takes the place of the barrier row of a local transaction, and decides as that one does: it is there if, and only
//! if, the transaction has committed. This module reads and writes the rows; what is done with them is in [`crate::outbox`].

#[cfg(feature = "mysql")]
mod mysql;
#[cfg(feature = "postgres")]
mod postgres;
#[cfg(feature = "sqlite")]
mod sqlite;

use std::time::Duration;

use sqlx::error::DatabaseError;

use crate::Prepared;
use crate::database::{Driver, Isolation, Wait};

/// The state of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OutboxState {
    /// It is to be sent.
    Waiting,
    /// The coordinator has it.
    Sent,
    /// The coordinator does not take it: a person has to look.
    Aside,
    /// Its local transaction has not committed, and never will.
    RolledBack,
}

impl OutboxState {
    /// The word in the row.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Sent => "sent",
            Self::Aside => "aside",
            Self::RolledBack => "rolled_back",
        }
    }

    /// What the row says about its local transaction.
    pub const fn decides(self) -> Prepared {
        match self {
            Self::Waiting | Self::Sent | Self::Aside => Prepared::Committed,
            Self::RolledBack => Prepared::RolledBack,
        }
    }

    /// Reads the word. Nothing writes others: an unknown one is an error, and no guess.
    fn read(word: &str) -> Result<Self, sqlx::Error> {
        [Self::Waiting, Self::Sent, Self::Aside, Self::RolledBack]
            .into_iter()
            .find(|state| state.as_str() == word)
            .ok_or_else(|| sqlx::Error::Decode(format!("`{word}` is no state of an outbox row").into()))
    }
}

/// A row as it is inserted.
#[derive(Debug, Clone, Copy)]
pub struct OutboxRow<'a> {
    /// The name of the transaction.
    pub gid: &'a str,
    /// `Waiting` or `RolledBack`.
    pub state: OutboxState,
    /// The transaction as the coordinator takes it.
    pub body: &'a str,
    /// The process that sends it first.
    pub owner: &'a str,
    /// After this time others may send it.
    pub due_in_ms: i64,
}

/// A row as it is read for a repeated gid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutboxRecord {
    /// Its state.
    pub state: OutboxState,
    /// The transaction; empty once it is sent.
    pub body: String,
}

/// A row that a relay has taken, to send it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claimed {
    /// The name of the transaction.
    pub gid: String,
    /// The transaction as the coordinator takes it.
    pub body: String,
    /// How often the coordinator did not take it.
    pub refusals: u32,
    /// How old the row is.
    pub age: Duration,
}

/// The next rows to send.
#[derive(Debug, Clone, Default)]
pub struct Claim {
    /// Those that were due, and now are this relay's.
    pub rows: Vec<Claimed>,
    /// When the next one is due; `None` if none waits.
    pub next_due: Option<Duration>,
}

/// How rows go back that were claimed and not sent.
#[derive(Debug, Clone, Copy)]
pub struct PutBack {
    /// When they are due again.
    pub after: Duration,
    /// Whether the coordinator was there and did not take them.
    pub refused: bool,
}

/// A message that the coordinator does not take: it is kept, and no longer sent.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stuck {
    /// The name of the transaction.
    pub gid: String,
    /// Why, in the coordinator's words. For people, not for programs.
    pub reason: String,
    /// How long ago its local transaction has committed.
    pub age: Duration,
}

/// How many rows are in which state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Those that are to be sent.
    pub waiting: u64,
    /// The age of the oldest one that is to be sent.
    pub oldest: Option<Duration>,
    /// Those that the coordinator does not take.
    pub stuck: u64,
}

/// How the rows of the outbox are kept in one kind of database.
///
/// Its functions run inside a transaction, unless they say otherwise. `cached`: see [`Driver::caches_statements`].
#[doc(hidden)]
pub trait OutboxRows: Driver {
    /// Begins a transaction with its outbox row, in as few round trips as this database can; whether the row is new.
    fn begin_with_message(
        conn: &mut Self::Connection,
        isolation: Isolation,
        wait: Wait,
        row: OutboxRow<'_>,
        cached: bool,
    ) -> impl Future<Output = Result<bool, sqlx::Error>> + Send {
        async move {
            Self::run(conn, Self::begin(isolation, wait)).await?;
            Self::insert_message(conn, row, cached).await
        }
    }

    /// Inserts a row; whether it is new. Waits for a transaction that has inserted the same row and is still open.
    fn insert_message(
        conn: &mut Self::Connection,
        row: OutboxRow<'_>,
        cached: bool,
    ) -> impl Future<Output = Result<bool, sqlx::Error>> + Send;

    /// The row of this gid. It is committed when this returns, and durable when the transaction has committed.
    fn message(
        conn: &mut Self::Connection,
        gid: &str,
        cached: bool,
    ) -> impl Future<Output = Result<Option<OutboxRecord>, sqlx::Error>> + Send;

    /// Takes at most so many rows that are due, for so long.
    fn claim(
        conn: &mut Self::Connection,
        owner: &str,
        lease_ms: i64,
        rows: u32,
        cached: bool,
    ) -> impl Future<Output = Result<Vec<Claimed>, sqlx::Error>> + Send;

    /// In how many milliseconds the next row is due.
    fn next_due_ms(
        conn: &mut Self::Connection,
        cached: bool,
    ) -> impl Future<Output = Result<Option<i64>, sqlx::Error>> + Send;

    /// Empties waiting rows, and marks them as sent.
    fn mark_sent(
        conn: &mut Self::Connection,
        gids: &[String],
        cached: bool,
    ) -> impl Future<Output = Result<(), sqlx::Error>> + Send;

    /// Makes waiting rows of this owner due again.
    fn put_back(
        conn: &mut Self::Connection,
        gids: &[String],
        owner: &str,
        after_ms: i64,
        refusals: i32,
        cached: bool,
    ) -> impl Future<Output = Result<(), sqlx::Error>> + Send;

    /// Puts a waiting row aside.
    fn set_aside(
        conn: &mut Self::Connection,
        gid: &str,
        reason: &str,
        cached: bool,
    ) -> impl Future<Output = Result<(), sqlx::Error>> + Send;

    /// Makes every row that is aside due now; how many.
    fn retry_stuck(conn: &mut Self::Connection, cached: bool) -> impl Future<Output = Result<u64, sqlx::Error>> + Send;

    /// The oldest of the rows that are aside: gid, reason, age in milliseconds.
    fn stuck(
        conn: &mut Self::Connection,
        rows: u32,
        cached: bool,
    ) -> impl Future<Output = Result<Vec<(String, String, i64)>, sqlx::Error>> + Send;

    /// How many rows wait, the age of the oldest one in milliseconds, how many are aside.
    fn counts(
        conn: &mut Self::Connection,
        cached: bool,
    ) -> impl Future<Output = Result<(i64, Option<i64>, i64), sqlx::Error>> + Send;

    /// Removes at most so many rows that were sent, or have stood for "never", for longer than this; how many.
    fn remove_messages(
        conn: &mut Self::Connection,
        older_than_s: i64,
        rows: u32,
        cached: bool,
    ) -> impl Future<Output = Result<u64, sqlx::Error>> + Send;

    /// Whether an error says that the pool has no database in which the table could be.
    fn has_no_place(_: &(dyn DatabaseError + 'static)) -> bool {
        false
    }

    /// Creates the table, if it does not exist. Runs outside a transaction.
    fn create_outbox(conn: &mut Self::Connection) -> impl Future<Output = Result<(), sqlx::Error>> + Send;
}

/// Milliseconds as a time; a negative number is none.
#[cfg(any(feature = "sqlite", feature = "postgres", feature = "mysql"))]
pub(super) fn ms(ms: i64) -> Duration {
    Duration::from_millis(u64::try_from(ms).unwrap_or(0))
}
