//! The coordinator's rows: one trait, one dialect a database.
//!
//! Nothing is acknowledged before it is durable. All changes of transactions go through [`Store::write`], which makes
//! many of them durable by one commit; [`Journal`] gathers them. A write is conditional and idempotent: executed again
//! after a COMMIT whose result nobody knows, it gives the same outcome.

mod address;
mod attempt;
pub(crate) mod calls;
pub(crate) mod ext_data;
mod journal;
#[cfg(any(feature = "postgres", feature = "mysql"))]
mod look_alike;
#[cfg(any(feature = "postgres", feature = "mysql"))]
mod meta;
#[cfg(feature = "mysql")]
mod mysql;
#[cfg(feature = "postgres")]
mod postgres;
mod reading;
pub(crate) mod row;
#[cfg(any(feature = "postgres", feature = "mysql"))]
mod server;
#[cfg(feature = "sqlite")]
pub mod sqlite;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use branchwire_protocol::{BranchId, Gid, Op, Status};
use futures_util::future::BoxFuture;

pub use journal::{Journal, JournalError};
pub(crate) use row::join_branches;
pub use row::{BranchRow, CorruptRow, Row};

use self::address::Address;
#[cfg(any(feature = "postgres", feature = "mysql"))]
use crate::engine::pattern::BUILT;
use crate::engine::{Branch, Definition, State, Time};

/// Where transactions are kept.
pub trait Store: Send + Sync + 'static {
    /// Carries out `writes` in their order by one durable commit. Gives an outcome for each.
    ///
    /// Several changes of one transaction must name the same status and owner that it must have: they then hold all or none.
    ///
    /// Where the result of the commit cannot be known, the store finds out by executing the writes again; it answers
    /// only once it knows.
    ///
    /// # Errors
    /// A [`StoreError`]; nothing was written, but for [`StoreError::Unknown`].
    fn write<'a>(&'a self, writes: &'a [Write]) -> BoxFuture<'a, Result<Vec<Outcome>, StoreError>>;

    /// A transaction's row with its branches; `None` if there is none.
    ///
    /// # Errors
    /// A [`StoreError`] if it cannot be read.
    fn load<'a>(&'a self, gid: &'a str) -> BoxFuture<'a, Result<Option<Row>, StoreError>>;

    /// Takes unfinished transactions that are due, earliest first: they are held by `take.owner` until `take.until`.
    ///
    /// # Errors
    /// A [`StoreError`] if none was taken, or it is not known; then they are due again when the lease ends.
    fn take_due<'a>(&'a self, take: &'a Take) -> BoxFuture<'a, Result<Taken, StoreError>>;

    /// Gives back what a former process held, where no other process can be using the store.
    ///
    /// # Errors
    /// A [`StoreError`] if nothing was given back.
    fn release_all(&self, now: Time) -> BoxFuture<'_, Result<(), StoreError>>;

    /// Transactions, newest first, each with its branches.
    ///
    /// # Errors
    /// A [`StoreError`] if they cannot be read.
    fn list<'a>(&'a self, filter: &'a Filter) -> BoxFuture<'a, Result<Vec<Row>, StoreError>>;

    /// Makes unfinished transactions due at `now` that are not due before `later_than`, at most `limit`, as long as
    /// nobody holds them.
    ///
    /// # Errors
    /// A [`StoreError`] if that is not durable.
    fn reset_due(&self, now: Time, later_than: Time, limit: u32) -> BoxFuture<'_, Result<ResetDue, StoreError>>;

    /// One entry of the key-value table; `None` if there is none.
    ///
    /// # Errors
    /// A [`StoreError`] if it cannot be read.
    fn kv_get<'a>(&'a self, cat: &'a str, k: &'a str) -> BoxFuture<'a, Result<Option<KvRow>, StoreError>>;

    /// Entries of a category, newest first: at most `limit` of those with an id below `position`.
    ///
    /// # Errors
    /// A [`StoreError`] if they cannot be read.
    fn kv_scan<'a>(&'a self, cat: &'a str, position: i64, limit: u32) -> BoxFuture<'a, Result<Vec<KvRow>, StoreError>>;

    /// Creates, replaces or deletes an entry, if it still is what we think it is. Durable.
    ///
    /// # Errors
    /// A [`StoreError`]; nothing was written, but for [`StoreError::Unknown`].
    fn kv_put<'a>(&'a self, put: &'a KvPut) -> BoxFuture<'a, Result<Outcome, StoreError>>;

    /// How many unfinished transactions are left to a DTM server: of another pattern than messages, or over another
    /// protocol than HTTP.
    ///
    /// # Errors
    /// A [`StoreError`] if they cannot be counted.
    fn left_to_others(&self) -> BoxFuture<'_, Result<u64, StoreError>> {
        Box::pin(std::future::ready(Ok(0)))
    }

    /// Removes, of the next transactions by id, those that have ended before a time, with their branches. Gives the last
    /// id it looked at; `None` if it met one that was created after that time, or no more.
    ///
    /// # Errors
    /// A [`StoreError`]; some may be removed, and none in part.
    fn sweep<'a>(&'a self, sweep: &'a Sweep) -> BoxFuture<'a, Result<Option<i64>, StoreError>>;

    /// How long finished transactions are kept unless told otherwise; `None`: for ever.
    fn retention(&self) -> Option<Duration> {
        None
    }

    /// Whether other coordinators may be at work on it, too.
    fn is_shared(&self) -> bool {
        false
    }

    /// Returns once all that could be read before is on disk, also what others wrote.
    ///
    /// Asked where something is to be acknowledged on the word of a row alone. Most stores show nothing earlier.
    ///
    /// # Errors
    /// A [`StoreError`] if that is not known.
    fn settle(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(std::future::ready(Ok(())))
    }

    /// Makes sure that the store can be written: by a durable write of its own, unless another one was durable just now.
    ///
    /// # Errors
    /// A [`StoreError`] if it cannot be written.
    fn probe(&self) -> BoxFuture<'_, Result<(), StoreError>>;

    /// The longest payload of a branch that can be stored, in bytes.
    fn payload_bytes_max(&self) -> usize {
        usize::MAX
    }

    /// Closes connections in an orderly way. Afterwards nothing is asked of the store.
    fn close(&self) -> BoxFuture<'_, ()>;
}

/// A change to make durable.
#[derive(Debug, Clone)]
pub enum Write {
    /// A new transaction.
    Create {
        /// What it is.
        definition: Arc<Definition>,
        /// Where it stands.
        state: State,
        /// Who holds it; empty if nobody.
        owner: String,
    },
    /// A transaction moves on.
    Change(Change),
    /// A row that makes no sense is put aside: not taken up again until an administrator asks for it.
    Park {
        /// The row's gid, whatever it looks like.
        gid: String,
        /// What is wrong with it.
        reason: String,
    },
}

impl Write {
    /// The gid it is about.
    pub fn gid(&self) -> &str {
        match self {
            Self::Create { definition, .. } => definition.gid.as_str(),
            Self::Change(change) => change.gid.as_str(),
            Self::Park { gid, .. } => gid,
        }
    }
}

/// A transaction moves on, if it still stands where we think it does.
#[derive(Debug, Clone)]
pub struct Change {
    /// Its name.
    pub gid: Gid,
    /// The status it must have.
    pub from: Status,
    /// The owner it must have; empty: nobody.
    pub from_owner: String,
    /// The status it gets.
    pub status: Status,
    /// The owner it gets; empty: nobody.
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
    /// Branches that it gets, behind those that it has, in this order; their status is `prepared`. One that it has (the
    /// same branch id and op) stays as it is.
    pub appended: Vec<Branch>,
    /// The new value of `ext_data`; `None` leaves it as it is.
    pub ext_data: Option<String>,
}

impl Change {
    /// Whether it takes a run over from another coordinator, which it may only once that one's lease has ended.
    #[cfg(any(feature = "postgres", feature = "mysql"))]
    pub(crate) fn takes_over(&self) -> bool {
        self.from == self.status
            && !self.owner.is_empty()
            && self.owner != self.from_owner
            && is_lease(&self.from_owner)
    }

    /// How long until it is due, on whichever clock.
    #[cfg(any(feature = "postgres", feature = "mysql"))]
    pub(crate) fn wait(&self) -> Duration {
        self.at.until(self.due)
    }

    /// `finish_time` and `rollback_time`, in milliseconds: the one that fits the status.
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

/// What became of a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// The row now is as asked for.
    Applied,
    /// The row is not where it was thought to be (for [`Write::Create`]: it exists already). Nothing has changed.
    Conflict,
}

/// What to take of what is due.
#[derive(Debug, Clone)]
pub struct Take {
    /// The time.
    pub now: Time,
    /// When the lease ends.
    pub until: Time,
    /// Who takes it.
    pub owner: String,
    /// How many at most.
    pub limit: u32,
}

/// What was taken.
#[derive(Debug, Clone, Default)]
pub struct Taken {
    /// Their rows, as they stand now, with their branches.
    pub rows: Vec<Row>,
    /// When the next one is due; `None` if there is no other one.
    pub next_due: Option<Time>,
}

/// Which transactions to list. What is empty or `None` does not matter.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// The one of this gid.
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

/// What became of [`Store::reset_due`].
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
    /// Of rows by id, each with the times of its creation and its end in milliseconds: the ids to remove, and where to
    /// go on.
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

/// Why a store could not do something.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The data was refused (too long, not storable): repeating it is of no use. Nothing was written.
    #[error("the store refuses the data: {0}")]
    Data(String),
    /// The store cannot be reached, or has no room. Nothing was written.
    #[error("the store is not available: {0}")]
    Unavailable(String),
    /// A COMMIT failed, and so did the attempts to find out what became of it: it may be written, or not. To be read
    /// again before anything is said about it.
    #[error("it is not known whether the store has it: {0}")]
    Unknown(String),
}

/// Why a store could not be opened, in words for an administrator.
#[derive(Debug, thiserror::Error)]
#[error("the store `{store}` cannot be used: {reason}")]
pub struct OpenError {
    pub(crate) store: String,
    pub(crate) reason: String,
}

impl OpenError {
    /// `reason` says what is wrong with `store`, and what to do.
    pub fn new(store: &impl fmt::Display, reason: impl Into<String>) -> Self {
        Self { store: store.to_string(), reason: reason.into() }
    }
}

/// The rows of a shared table that are for us, as a condition: of a pattern that is built, over HTTP.
#[cfg(any(feature = "postgres", feature = "mysql"))]
static OURS: std::sync::LazyLock<String> = std::sync::LazyLock::new(|| {
    let patterns: Vec<_> = BUILT.iter().map(|pattern| format!("'{pattern}'")).collect();
    format!("trans_type IN ({}) AND protocol IN ('', 'http')", patterns.join(", "))
});

/// How an owner of ours is named in rows. Whatever else stands there was left by a DTM server, and holds nothing.
const OWNER_PREFIX: &str = "branchwire-";

/// The name of a coordinator in the rows that it holds; another one at each start.
pub(crate) fn new_owner() -> String {
    format!("{OWNER_PREFIX}{}", Gid::random())
}

/// Whether a row with this owner is held, as long as its lease lasts.
pub(crate) fn is_lease(owner: &str) -> bool {
    owner.starts_with(OWNER_PREFIX)
}

/// What an address does not say about a store.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Options {
    /// The time zone of the times in a MySQL or MariaDB database, in seconds east of UTC: that of the DTM server that
    /// wrote them, or will read them. The other stores have times without a zone.
    pub time_zone_s: i32,
    /// How large a SQLite file may become, in bytes, beside its log; not given, as large as the disk allows. What then
    /// finds no room is refused with an error of the moment: a coordinator cannot fill a disk that it shares.
    pub sqlite_bytes_max: Option<u64>,
}

/// Opens the store that `address` names: `sqlite://FILE`, `postgres://...` or `mysql://...`, as sqlx takes them.
///
/// # Errors
/// [`OpenError`] if the address is of no known kind or has a parameter that nothing would heed, or if the store cannot
/// be used.
#[cfg_attr(not(any(feature = "sqlite", feature = "mysql")), expect(unused_variables, reason = "PostgreSQL has none"))]
pub async fn open(address: &str, options: &Options) -> Result<Arc<dyn Store>, OpenError> {
    match Address::parse(address)? {
        #[cfg(feature = "sqlite")]
        Address::Sqlite { file, create } => {
            if !create && !file.exists() {
                return Err(OpenError::new(&file.display(), "there is no such file, and `mode=rw` creates none"));
            }
            Ok(Arc::new(sqlite::SqliteStore::open(file, options.sqlite_bytes_max).await?))
        }
        #[cfg(feature = "postgres")]
        Address::Postgres => Ok(Arc::new(postgres::open(address).await?)),
        #[cfg(feature = "mysql")]
        Address::Mysql => Ok(Arc::new(mysql::open(address, options.time_zone_s).await?)),
        #[cfg(not(all(feature = "sqlite", feature = "postgres", feature = "mysql")))]
        other => Err(OpenError::new(&other.scheme(), "this program was built without its feature for it")),
    }
}
