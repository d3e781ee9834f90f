//! What a connection can do: the seam between the kinds of databases.

use std::future::Future;

use sqlx::Pool;
use sqlx::error::DatabaseError;

use super::fault::Fault;
use super::statement::Syntax;

/// The isolation level of a transaction.
///
/// A level above READ COMMITTED turns conflicts into errors (serialization failures) where READ COMMITTED waits. A branch
/// that meets one is retried at most twice within the call; after that the coordinator calls again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Isolation {
    /// Each statement sees what was committed before it.
    #[default]
    ReadCommitted,
    /// All statements see one snapshot.
    RepeatableRead,
    /// As if transactions ran one after another.
    Serializable,
}

/// How long the statements of a transaction wait for locks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wait {
    /// As long as the database is configured to.
    Default,
    /// At most about one second, for a question that must be answered in time.
    Bounded,
}

/// A setting with which the database can lose commits that it has acknowledged.
///
/// "Exactly once" holds only as long as acknowledged commits stay.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct WeakSetting {
    /// The setting's name.
    pub setting: &'static str,
    /// Its value.
    pub value: String,
    /// What to do.
    pub advice: &'static str,
}

impl WeakSetting {
    pub(crate) fn new(setting: &'static str, value: impl Into<String>, advice: &'static str) -> Self {
        Self { setting, value: value.into(), advice }
    }
}

/// What a connection to one kind of database can do. Implemented for [`sqlx::Sqlite`], [`sqlx::Postgres`] and
/// [`sqlx::MySql`], behind the features of these names.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "Branchwire does not support the database `{Self}`",
    note = "it supports SQLite, PostgreSQL and MySQL: features `sqlite`, `postgres` and `mysql` of `branchwire`"
)]
pub trait Driver: sqlx::Database + Sized {
    /// What a transaction holds while it is open.
    type Queue: Send + Sync;

    /// Waits until a transaction may begin.
    fn queue(pool: &Pool<Self>) -> impl Future<Output = Self::Queue> + Send;

    /// The statements that begin a transaction.
    fn begin(isolation: Isolation, wait: Wait) -> &'static str;

    /// The statements that check that the transaction is still the one that was begun, and then commit it. One round
    /// trip.
    fn commit(wait: Wait) -> &'static str;

    /// The statements that roll back.
    fn rollback(wait: Wait) -> &'static str;

    /// Runs the statements of [`begin`](Self::begin), [`commit`](Self::commit) or [`rollback`](Self::rollback), in one
    /// round trip.
    fn run(conn: &mut Self::Connection, sql: &'static str) -> impl Future<Output = Result<(), sqlx::Error>> + Send;

    /// What an error of the database means.
    fn fault(error: &(dyn DatabaseError + 'static)) -> Fault;

    /// Whether an error at the commit says for certain that nothing was committed.
    fn commit_was_refused(error: &(dyn DatabaseError + 'static)) -> bool;

    /// Whether an error says that the table does not exist.
    fn is_missing_table(error: &(dyn DatabaseError + 'static)) -> bool;

    /// Whether an error says that the user lacks a right.
    fn is_missing_right(error: &(dyn DatabaseError + 'static)) -> bool;

    /// Changes the settings that a client can change, and returns those that remain weak.
    fn settings(pool: &Pool<Self>) -> impl Future<Output = Result<Vec<WeakSetting>, sqlx::Error>> + Send;

    /// How its SQL is read, and which statements a business may not send.
    const SYNTAX: Syntax;
}

impl Fault {
    /// Classifies an error of sqlx.
    pub fn of<DB: Driver>(error: &sqlx::Error) -> Self {
        match error {
            sqlx::Error::Database(error) => DB::fault(error.as_ref()),
            sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::Protocol(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed
            | sqlx::Error::BeginFailed => Self::Lost,
            _ => Self::Statement,
        }
    }
}
