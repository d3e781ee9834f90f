//! The transaction in which a business runs.

use std::fmt;
use std::task::Poll;

use futures_core::future::BoxFuture;
use futures_core::stream::BoxStream;
use futures_util::StreamExt;
use sqlx::pool::PoolConnection;
use sqlx::{Either, Execute, Executor, SqlStr};

use crate::barrier::{BarrierRow, Dialect, Wait};
use crate::{Database, Fault, Isolation};

/// An open transaction in the database `D`: what a branch gets as its first argument.
///
/// An sqlx executor: `sqlx::query("...").execute(&mut *tx).await?`. It marks itself failed at any error of the database,
/// also at one that the business ignores, and then runs no more statements and can only be rolled back: half of what was
/// meant never commits.
/// Statements that would end the transaction (`COMMIT`, `ROLLBACK`, savepoints) and DDL are errors, and mark it failed.
///
/// Branchwire begins and ends it around a branch. In a test of a branch's function do so yourself:
///
/// ```
/// # use branchwire::prelude::*;
/// # #[derive(Clone)] struct Bank(sqlx::SqlitePool);
/// # impl Database for Bank {
/// #     type Driver = sqlx::Sqlite;
/// #     fn pool(&self) -> &sqlx::SqlitePool { &self.0 }
/// # }
/// # async fn trans_in(tx: &mut Tx<Bank>, amount: i64) -> Result<(), Retry> { Ok(()) }
/// # async fn test(bank: Bank) {
/// let mut tx = Tx::begin(&bank).await.unwrap();
/// trans_in(&mut tx, 30).await.unwrap();
/// tx.commit().await.unwrap();
/// # }
/// ```
///
/// Dropped while open, it closes its connection, which rolls back: no open transaction ever returns to the pool.
pub struct Tx<D: Database> {
    conn: PoolConnection<D::Driver>,
    /// What has gone wrong; the transaction then only rolls back.
    fault: Option<Fault>,
    /// Whether a text of several statements was not read to its end, so that an error of a later one went unseen.
    unread: bool,
    /// Whether the database may still have the transaction open.
    open: bool,
    wait: Wait,
    /// Held while the transaction is open. SQLite: the place in front of the file's one writer.
    _queue: <D::Driver as Dialect>::Queue,
}

/// Why a transaction did not commit.
#[derive(Debug, thiserror::Error)]
pub enum CommitError {
    /// A statement failed earlier, and the business ignored it: everything was rolled back. So does a text of several
    /// statements that was not read to its end: an error may lie there.
    #[error("a statement of the transaction failed and its error was ignored: rolled back")]
    Failed(Fault),
    /// The database refused to commit: everything was rolled back.
    #[error("the database refused to commit: rolled back")]
    Refused(#[source] sqlx::Error),
    /// The connection was lost meanwhile, or the transaction was no longer the one that was begun: whether it has
    /// committed is not known. Its barrier row tells.
    #[error("the commit had no clear answer: whether it took effect is not known")]
    Unknown(#[source] sqlx::Error),
}

impl<D: Database> Tx<D> {
    /// Begins a transaction with the isolation level of the database.
    ///
    /// # Errors
    /// The database's own, with nothing done.
    pub async fn begin(db: &D) -> Result<Self, sqlx::Error> {
        let mut tx = Self::open(db, Wait::Default).await?;
        D::Driver::run(&mut tx.conn, D::Driver::begin(D::ISOLATION, Wait::Default)).await?;
        Ok(tx)
    }

    /// Begins with a barrier row; whether the row was not there yet.
    pub(crate) async fn begin_with(db: &D, wait: Wait, row: BarrierRow<'_>) -> Result<(Self, bool), sqlx::Error> {
        let isolation = match wait {
            Wait::Default => D::ISOLATION,
            // The barrier's own question is asked at the level at which it is right.
            Wait::Bounded => Isolation::ReadCommitted,
        };
        let mut tx = Self::open(db, wait).await?;
        let inserted = D::Driver::begin_with(&mut tx.conn, isolation, wait, row).await?;
        Ok((tx, inserted))
    }

    /// A connection in which nothing has begun yet; but a begin that is dropped or fails half-way closes it.
    async fn open(db: &D, wait: Wait) -> Result<Self, sqlx::Error> {
        let queue = D::Driver::queue(db.pool()).await;
        let conn = db.pool().acquire().await?;
        Ok(Self { conn, fault: None, unread: false, open: true, wait, _queue: queue })
    }

    /// Commits.
    ///
    /// # Errors
    /// [`CommitError`]; only with [`CommitError::Unknown`] may it have taken effect.
    pub async fn commit(mut self) -> Result<(), CommitError> {
        if let Some(fault) = self.fault() {
            self.rollback().await;
            return Err(CommitError::Failed(fault));
        }
        match D::Driver::run(&mut self.conn, D::Driver::commit(self.wait)).await {
            Ok(()) => {
                self.open = false;
                Ok(())
            }
            // The connection is closed with the drop of `self`, so whatever it still has open is rolled back.
            Err(error) => Err(match &error {
                sqlx::Error::Database(said) if D::Driver::commit_was_refused(said.as_ref()) => {
                    CommitError::Refused(error)
                }
                _ => CommitError::Unknown(error),
            }),
        }
    }

    /// Rolls back.
    ///
    /// It always succeeds: where the database cannot be told, its connection is closed, which rolls back as well.
    pub async fn rollback(mut self) {
        self.open = D::Driver::run(&mut self.conn, D::Driver::rollback(self.wait)).await.is_err();
    }

    /// What has gone wrong in the transaction so far; it then only rolls back.
    pub fn fault(&self) -> Option<Fault> {
        self.fault.or(self.unread.then_some(Fault::Statement))
    }

    /// The connection below, for the barrier's own statements.
    pub(crate) fn conn(&mut self) -> &mut <D::Driver as sqlx::Database>::Connection {
        &mut self.conn
    }

    fn note<T>(&mut self, result: Result<T, sqlx::Error>) -> Result<T, sqlx::Error> {
        note::<D::Driver, T>(&mut self.fault, result)
    }

    /// Takes a query apart, to look at its SQL.
    fn admit<'q, E>(&mut self, mut query: E) -> Result<Admitted<D::Driver>, sqlx::Error>
    where
        E: Execute<'q, D::Driver>,
    {
        let arguments = query.take_arguments().map_err(sqlx::Error::Encode);
        let (statement, persistent) = (query.statement().cloned(), query.persistent());
        let (sql, is_several) = self.admit_sql(query.sql())?;
        Ok(Admitted { arguments: self.note(arguments)?, statement, persistent, sql, is_several })
    }

    fn admit_sql(&mut self, sql: SqlStr) -> Result<(SqlStr, bool), sqlx::Error> {
        if self.fault.is_some() {
            // The database may have rolled back by itself, and would commit this one alone.
            return Err(sqlx::Error::Configuration(
                "an earlier statement of this transaction failed: it can only be rolled back; return that error".into(),
            ));
        }
        match super::statement::count(sql.as_str()) {
            Ok(statements) => Ok((sql, statements > 1)),
            Err(word) => self.note(Err(sqlx::Error::Configuration(
                format!(
                    "`{word}` is not for a branch's transaction: Branchwire begins and ends it, and DDL may end it"
                )
                .into(),
            ))),
        }
    }
}

fn note<DB: Dialect, T>(fault: &mut Option<Fault>, result: Result<T, sqlx::Error>) -> Result<T, sqlx::Error> {
    if let Err(error) = &result {
        // The first one counts: those after it are often only its echo.
        fault.get_or_insert_with(|| Fault::of::<DB>(error));
    }
    result
}

impl<D: Database> Drop for Tx<D> {
    fn drop(&mut self) {
        if self.open {
            self.conn.close_on_drop();
        }
    }
}

impl<D: Database> fmt::Debug for Tx<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tx").field("fault", &self.fault).finish_non_exhaustive()
    }
}

/// A query whose SQL was looked at and found fit.
struct Admitted<DB: sqlx::Database> {
    sql: SqlStr,
    statement: Option<DB::Statement>,
    arguments: Option<DB::Arguments>,
    persistent: bool,
    is_several: bool,
}

impl<DB: sqlx::Database> Execute<'_, DB> for Admitted<DB> {
    fn sql(self) -> SqlStr {
        self.sql
    }

    fn statement(&self) -> Option<&DB::Statement> {
        self.statement.as_ref()
    }

    fn take_arguments(&mut self) -> Result<Option<DB::Arguments>, sqlx::error::BoxDynError> {
        Ok(self.arguments.take())
    }

    fn persistent(&self) -> bool {
        self.persistent
    }
}

impl<'c, D: Database> Executor<'c> for &'c mut Tx<D>
where
    for<'a> &'a mut <D::Driver as sqlx::Database>::Connection: Executor<'a, Database = D::Driver>,
{
    type Database = D::Driver;

    fn fetch_many<'e, 'q: 'e, E>(
        self,
        query: E,
    ) -> BoxStream<
        'e,
        Result<Either<<D::Driver as sqlx::Database>::QueryResult, <D::Driver as sqlx::Database>::Row>, sqlx::Error>,
    >
    where
        'c: 'e,
        E: 'q + Execute<'q, D::Driver>,
    {
        match self.admit(query) {
            Err(error) => futures_util::stream::once(std::future::ready(Err(error))).boxed(),
            Ok(query) => {
                let Tx { conn, fault, unread, .. } = self;
                let was_unread = std::mem::replace(unread, *unread || query.is_several);
                let steps = (**conn).fetch_many(query).map(move |step| note::<D::Driver, _>(fault, step));
                let end = futures_util::stream::poll_fn(move |_| {
                    *unread = was_unread;
                    Poll::Ready(None)
                });
                steps.chain(end).boxed()
            }
        }
    }

    fn fetch_optional<'e, 'q: 'e, E>(
        self,
        query: E,
    ) -> BoxFuture<'e, Result<Option<<D::Driver as sqlx::Database>::Row>, sqlx::Error>>
    where
        'c: 'e,
        E: 'q + Execute<'q, D::Driver>,
    {
        Box::pin(async move {
            let query = self.admit(query)?;
            self.unread |= query.is_several;
            let row = self.conn.fetch_optional(query).await;
            self.note(row)
        })
    }

    fn prepare_with<'e>(
        self,
        sql: SqlStr,
        parameters: &'e [<D::Driver as sqlx::Database>::TypeInfo],
    ) -> BoxFuture<'e, Result<<D::Driver as sqlx::Database>::Statement, sqlx::Error>>
    where
        'c: 'e,
    {
        Box::pin(async move {
            let (sql, _) = self.admit_sql(sql)?;
            let statement = self.conn.prepare_with(sql, parameters).await;
            self.note(statement)
        })
    }

    fn describe<'e>(self, sql: SqlStr) -> BoxFuture<'e, Result<sqlx::Describe<D::Driver>, sqlx::Error>>
    where
        'c: 'e,
    {
        Box::pin(async move {
            let (sql, _) = self.admit_sql(sql)?;
            let described = self.conn.describe(sql).await;
            self.note(described)
        })
    }
}
