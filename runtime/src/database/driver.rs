//! What a connection can do: the seam between the kinds of databases.

use std::future::Future;

use sqlx::Pool;
use sqlx::error::DatabaseError;

use super::fault::Fault;
use super::statement::Syntax;
use crate::protocol::LookAlike;

/// The isolation level of a transaction.
///
/// A level above READ COMMITTED turns conflicts into errors (serialization failures) where READ COMMITTED waits. A branch
/// that meets one is retried at most twice within the call; after that the coordinator calls again. A sender's business is
/// repeated by [`do_and_submit_with_retries`](crate::msg::Msg::do_and_submit_with_retries); by
/// [`do_and_submit`](crate::msg::Msg::do_and_submit) it runs once, and the conflict is its error.
///
/// The level is set for each transaction, so the server's default does not matter. On InnoDB REPEATABLE READ finds no
/// conflict between a read and a later write (a change can be lost), unless MariaDB's `innodb_snapshot_isolation` is on.
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

/// The advice of [`Driver::unfit`] for a database that takes no writes.
#[cfg(any(feature = "postgres", feature = "mysql"))]
pub(super) const READ_ONLY: &str =
    "the database is read-only, as a replica is, or a primary that was demoted: connect the pool to the primary";

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

    /// Whether the pool's connections keep prepared statements. Where they do not, neither do ours: behind a pooler in
    /// transaction mode, each transaction may run in another session.
    fn caches_statements(_: &Pool<Self>) -> bool {
        true
    }

    /// Tries whether two of the pool's connections keep their prepared statements apart; if they do not, what to change
    /// and the error that showed it.
    fn lost_statements(
        _first: &mut Self::Connection,
        _second: &mut Self::Connection,
    ) -> impl Future<Output = Result<Option<(&'static str, sqlx::Error)>, sqlx::Error>> + Send {
        async { Ok(None) }
    }

    /// Waits until a transaction may begin.
    fn queue(pool: &Pool<Self>) -> impl Future<Output = Self::Queue> + Send;

    /// The statements that begin a transaction.
    fn begin(isolation: Isolation, wait: Wait) -> &'static str;

    /// The statements that check that the transaction is still the one that was begun, and then commit it. One round
    /// trip.
    fn commit(wait: Wait) -> &'static str;

    /// The statements that check, as far as this database can tell after such a fault, that the transaction is still the
    /// one that was begun, and then roll it back. One round trip.
    fn rollback(wait: Wait, fault: Option<Fault>) -> &'static str;

    /// The statements that roll back whatever is open, and leave the connection as it was before the begin.
    fn reset(wait: Wait) -> &'static str;

    /// Runs the statements of [`begin`](Self::begin), [`commit`](Self::commit), [`rollback`](Self::rollback) or
    /// [`reset`](Self::reset), in one round trip.
    fn run(conn: &mut Self::Connection, sql: &'static str) -> impl Future<Output = Result<(), sqlx::Error>> + Send;

    /// What an error of the database means.
    fn fault(error: &(dyn DatabaseError + 'static)) -> Fault;

    /// Whether an error is the last word of a server that has closed the connection.
    fn has_closed(_: &(dyn DatabaseError + 'static)) -> bool {
        false
    }

    /// Whether an error at the end of a transaction says that this transaction is no longer open.
    fn has_ended(error: &(dyn DatabaseError + 'static)) -> bool;

    /// Whether the database rolls a transaction back by itself at such a fault.
    fn may_roll_back_by_itself(fault: Option<Fault>) -> bool;

    /// Whether an error at the commit says for certain that nothing was committed. An error that is not known does not.
    fn commit_was_refused(error: &(dyn DatabaseError + 'static)) -> bool;

    /// Whether an error says that the table does not exist.
    fn is_missing_table(error: &(dyn DatabaseError + 'static)) -> bool;

    /// What to change, if an error says that the barrier cannot work in this installation.
    fn unfit(error: &(dyn DatabaseError + 'static)) -> Option<&'static str>;

    /// Whether an error says that the user lacks a right.
    fn is_missing_right(error: &(dyn DatabaseError + 'static)) -> bool;

    /// Another database that speaks this one's protocol; `None` if it is this one.
    fn look_alike(_: &Pool<Self>) -> impl Future<Output = Result<Option<LookAlike>, sqlx::Error>> + Send {
        async { Ok(None) }
    }

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
