//! What the barrier writes: the seam between the kinds of databases.

use std::future::Future;

use super::outbox::OutboxRows;
use super::row::BarrierRow;
use crate::database::{Driver, Inserted, Isolation, Wait, WeakSetting};
use crate::protocol::BarrierTable;

/// The next rows of a sweep.
#[doc(hidden)]
#[derive(Debug)]
pub struct Batch<P> {
    /// The place of the last one.
    pub(super) to: P,
    /// Whether any of them is old enough.
    pub(super) has_old: bool,
}

/// How the barrier is kept in one kind of database. Implemented for [`sqlx::Sqlite`], [`sqlx::Postgres`] and
/// [`sqlx::MySql`], behind the features of these names.
///
/// Code that is generic over its database names it as a bound: `D: Database<Driver: BarrierDialect>`. Its items are not
/// for use by hand: they change without notice.
#[diagnostic::on_unimplemented(
    message = "Branchwire has no barrier for `{Self}`",
    note = "barriers exist for SQLite, PostgreSQL and MySQL: features `sqlite`, `postgres` and `mysql` of `branchwire`"
)]
pub trait BarrierDialect: Driver + OutboxRows {
    /// Begins a transaction with its first barrier row, in as few round trips as this database can.
    #[doc(hidden)]
    fn begin_with(
        conn: &mut Self::Connection,
        isolation: Isolation,
        wait: Wait,
        row: BarrierRow<'_>,
        cached: bool,
    ) -> impl Future<Output = Result<Inserted, sqlx::Error>> + Send {
        async move {
            Self::run(conn, Self::begin(isolation, wait)).await?;
            Self::insert(conn, row, cached).await
        }
    }

    /// Inserts a barrier row. `cached`: see [`Driver::caches_statements`].
    #[doc(hidden)]
    fn insert(
        conn: &mut Self::Connection,
        row: BarrierRow<'_>,
        cached: bool,
    ) -> impl Future<Output = Result<Inserted, sqlx::Error>> + Send;

    /// Whether there is a row of this number, which an [`insert`](Self::insert) has told. Runs outside a transaction.
    #[doc(hidden)]
    fn has_row(_: &mut Self::Connection, _number: u64) -> impl Future<Output = Result<bool, sqlx::Error>> + Send {
        async { Ok(false) }
    }

    /// The reason in the row of this key. It is committed and durable when this returns. Runs outside a transaction.
    #[doc(hidden)]
    fn durable_reason(
        conn: &mut Self::Connection,
        row: BarrierRow<'_>,
        cached: bool,
    ) -> impl Future<Output = Result<Option<String>, sqlx::Error>> + Send;

    /// The reason in the row of this key, as this transaction sees it. `cached`: see [`Driver::caches_statements`].
    #[doc(hidden)]
    fn reason(
        conn: &mut Self::Connection,
        row: BarrierRow<'_>,
        cached: bool,
    ) -> impl Future<Output = Result<Option<String>, sqlx::Error>> + Send;

    /// Stores what the first half of a pair has returned, in its transaction. `cached`: see [`Driver::caches_statements`].
    #[doc(hidden)]
    fn keep(
        conn: &mut Self::Connection,
        row: BarrierRow<'_>,
        data: &[u8],
        cached: bool,
    ) -> impl Future<Output = Result<(), sqlx::Error>> + Send;

    /// What the first half of a pair has returned. Runs in a transaction. `cached`: see [`Driver::caches_statements`].
    #[doc(hidden)]
    fn kept(
        conn: &mut Self::Connection,
        row: BarrierRow<'_>,
        cached: bool,
    ) -> impl Future<Output = Result<Option<Vec<u8>>, sqlx::Error>> + Send;

    /// Gives the row of this key another reason, if it has this one; whether it had. Runs outside a transaction.
    #[doc(hidden)]
    fn change_reason(
        conn: &mut Self::Connection,
        row: BarrierRow<'_>,
        to: &str,
    ) -> impl Future<Output = Result<bool, sqlx::Error>> + Send;

    /// Creates the barrier table and the one of kept values, if they do not exist.
    #[doc(hidden)]
    fn create_table(conn: &mut Self::Connection) -> impl Future<Output = Result<(), sqlx::Error>> + Send;

    /// The weak settings of the barrier table itself.
    #[doc(hidden)]
    fn table_settings(_: &mut Self::Connection) -> impl Future<Output = Result<Vec<WeakSetting>, sqlx::Error>> + Send {
        async { Ok(Vec::new()) }
    }

    /// A place in the table, by the order in which a sweep walks through it. The default is before the first row.
    #[doc(hidden)]
    type Place: Default + Send + Sync + 'static;

    /// Looks at the next `rows` rows after a place, outside a transaction. `None` if a sweep can end there.
    #[doc(hidden)]
    fn look(
        conn: &mut Self::Connection,
        after: &Self::Place,
        older_than_s: i64,
        rows: u32,
    ) -> impl Future<Output = Result<Option<Batch<Self::Place>>, sqlx::Error>> + Send;

    /// Removes the rows between two places that are that old; how many. `cached`: see [`Driver::caches_statements`].
    #[doc(hidden)]
    fn remove(
        conn: &mut Self::Connection,
        after: &Self::Place,
        to: &Self::Place,
        older_than_s: i64,
        cached: bool,
    ) -> impl Future<Output = Result<u64, sqlx::Error>> + Send;

    /// The table as SQL, with the rights on it.
    #[doc(hidden)]
    const TABLE: BarrierTable;

    /// What the program `branchwire` calls this kind of database.
    #[doc(hidden)]
    const DATABASE: &'static str;
}
