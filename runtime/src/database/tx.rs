//! The transaction in which a business runs.

use std::fmt;
use std::task::Poll;
use std::time::Duration;

use futures_core::future::BoxFuture;
use futures_core::stream::BoxStream;
use futures_util::StreamExt;
use sqlx::{Either, Execute, Executor, SqlStr};
use tokio::time::{Instant, timeout, timeout_at};

use super::Database;
use super::abandoned::Abandoned;
use super::driver::{Driver, Wait};
use super::fault::{Fault, StatementError};
use super::inserted::Inserted;
use super::lent::Lent;
use super::recycling::RecyclingPool;
use super::statement;

/// How long a rollback may take. After that the connection is closed.
const ROLLBACK_TIMEOUT: Duration = Duration::from_secs(5);

/// An open transaction in the database `D`: what a branch gets as its first argument.
///
/// It is an sqlx executor: `sqlx::query("...").execute(&mut *tx).await?`. Any error of the database marks it failed, also
/// an error that the business ignores. A failed transaction runs no more statements and can only be rolled back, so half
/// of the work never commits.
///
/// Some statements are errors, and mark it failed: those that begin or end a transaction (`COMMIT`, `ROLLBACK`,
/// savepoints), and DDL, except for temporary tables. The rest of the list depends on the database. MySQL's has every
/// statement that commits implicitly, such as `LOCK TABLES` and `TRUNCATE`; PostgreSQL allows these two. SQLite's has
/// `PRAGMA`, `ATTACH` and `VACUUM`. It is a guard against mistakes: the commit checks in any case that the transaction is
/// still the one that was begun.
///
/// A function that takes a connection is written over any executor instead: see the
/// [guide](crate::guide#functions-that-take-a-connection).
///
/// Branchwire begins and ends the transaction of a branch. In a test of a branch's function do so yourself:
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
/// Dropped while open, it is rolled back in the background. If that fails, its connection is closed, which rolls back as
/// well: no open transaction returns to the pool.
pub struct Tx<D: Database> {
    /// There until the drop.
    conn: Option<Lent<D::Driver>>,
    /// The first error; the transaction can then only be rolled back.
    failed: Option<StatementError>,
    /// Whether the results of several statements were not read to the end: an error of a later one would go unseen.
    unread: bool,
    /// Whether the database may still have the transaction open.
    open: bool,
    wait: Wait,
    caches_statements: bool,
    /// The number of a row that it has inserted.
    row: Option<u64>,
    /// The pool that hands its connection over to the next transaction.
    recycling: Option<RecyclingPool<D::Driver>>,
    /// Held while the transaction is open. SQLite: the turn as the file's one writer.
    queue: Option<<D::Driver as Driver>::Queue>,
}

/// Why a transaction did not commit.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CommitError {
    /// A statement failed earlier and the business ignored its error, or the business sent several statements in one text
    /// and did not read all their results. Everything was rolled back.
    #[error("a statement of the transaction failed and its error was ignored: rolled back")]
    Failed(#[source] StatementError),
    /// The database refused to commit. Everything was rolled back.
    #[error("the database refused to commit: rolled back")]
    Refused(#[source] sqlx::Error),
    /// The commit had no clear answer: the connection was lost, say. Whether it has committed is not known; its barrier row
    /// tells.
    #[error("the commit had no clear answer: whether it took effect is not known")]
    Unknown(#[source] sqlx::Error),
    /// A statement of the business had ended the transaction before. See [`EndedEarly`].
    #[error(transparent)]
    EndedEarly(EndedEarly),
}

impl CommitError {
    /// The database's error, at the commit of a transaction in which nothing ran but our own statements, and none of them has
    /// failed.
    pub(crate) fn of_our_own(self) -> sqlx::Error {
        match self {
            Self::Refused(error) | Self::Unknown(error) | Self::EndedEarly(EndedEarly(error)) => error,
            Self::Failed(_) => unreachable!("none of our own statements failed"),
        }
    }
}

/// A statement of the business ended the transaction: on MySQL a procedure with `COMMIT`, or one that changes the schema.
///
/// What ran before that statement may be committed, with the barrier row; what ran after it is not. Repair the business:
/// everything that it does belongs into the one transaction that Branchwire begins and ends.
#[derive(Debug, thiserror::Error)]
#[error(
    "a statement of the business ended the transaction, so a part of its work may be committed and the rest is not"
)]
pub struct EndedEarly(#[source] pub sqlx::Error);

/// What an error at the commit says. An error that is not known says nothing: it is [`CommitError::Unknown`].
pub fn commit_error<DB: Driver>(error: sqlx::Error) -> CommitError {
    match &error {
        sqlx::Error::Database(cause) if DB::has_ended(cause.as_ref()) => CommitError::EndedEarly(EndedEarly(error)),
        sqlx::Error::Database(cause) if DB::commit_was_refused(cause.as_ref()) => CommitError::Refused(error),
        _ => CommitError::Unknown(error),
    }
}

/// How a rollback has ended.
pub(crate) enum RolledBack {
    /// Nothing remains.
    Whole,
    /// The transaction was no longer open: a statement of the business had ended it.
    Early(EndedEarly),
    /// The transaction was no longer open: the database had rolled it back by itself, or a statement of the business had
    /// ended it.
    Unclear(EndedEarly),
}

impl<D: Database> Tx<D> {
    /// Takes a connection on which the caller then runs [`Driver::begin`].
    ///
    /// If that fails, [`note`](Self::note) the error and drop the transaction: the drop leaves nothing open.
    ///
    /// # Errors
    /// No turn or no connection was available within the pool's `acquire_timeout`.
    pub(super) async fn open(db: &D, wait: Wait) -> Result<Self, sqlx::Error> {
        let pool = db.pool();
        let limit = pool.options().get_acquire_timeout();
        let deadline = Instant::now() + limit;
        let queue = timeout_at(deadline, D::Driver::queue(pool)).await.map_err(|_elapsed| no_turn(limit))?;
        let conn = timeout_at(deadline, lend(db)).await.map_err(|_elapsed| sqlx::Error::PoolTimedOut)??;
        let caches_statements = D::Driver::caches_statements(pool);
        Ok(Self {
            conn: Some(conn),
            failed: None,
            unread: false,
            open: true,
            wait,
            caches_statements,
            row: None,
            recycling: db.recycling().cloned(),
            queue: Some(queue),
        })
    }

    /// Commits.
    ///
    /// # Errors
    /// [`CommitError`]; only with [`CommitError::Unknown`] and [`CommitError::EndedEarly`] may it have taken effect.
    pub async fn commit(mut self) -> Result<(), CommitError> {
        if let Some(first) = self.first_error() {
            return Err(match self.rollback().await {
                Ok(()) => CommitError::Failed(first),
                Err(early) => CommitError::EndedEarly(early),
            });
        }
        let commit = D::Driver::commit(self.wait);
        let Err(error) = D::Driver::run(self.conn(), commit).await else {
            self.open = false;
            if let (Some(pool), Some(conn)) = (self.recycling.take(), self.conn.take()) {
                pool.hand_over(conn);
            }
            return Ok(());
        };
        // The drop of `self` rolls back a transaction that is still open.
        let error = commit_error::<D::Driver>(error);
        if matches!(error, CommitError::Unknown(_)) {
            // The connection may still be at work on the commit.
            self.is_lost("the commit had no clear answer");
        }
        Err(error)
    }

    /// Rolls back.
    ///
    /// If the database does not answer, the connection is closed, which rolls back as well.
    ///
    /// # Errors
    /// [`EndedEarly`]: a statement of the business had ended the transaction before, and a part of it may be committed. In
    /// every other case nothing remains.
    pub async fn rollback(mut self) -> Result<(), EndedEarly> {
        match self.roll_back().await {
            RolledBack::Early(early) => Err(early),
            RolledBack::Whole | RolledBack::Unclear(_) => Ok(()),
        }
    }

    /// Rolls back, and says how that has ended. The transaction is then only good for
    /// [`after_end`](Self::after_end).
    pub(crate) async fn roll_back(&mut self) -> RolledBack {
        let fault = self.fault();
        if fault == Some(Fault::Lost) {
            // The drop closes the connection.
            return RolledBack::Whole;
        }
        let rollback = D::Driver::rollback(self.wait, fault);
        match timeout(ROLLBACK_TIMEOUT, D::Driver::run(self.conn(), rollback)).await {
            Ok(Ok(())) => self.open = false,
            Ok(Err(error)) => {
                let has_ended = matches!(&error, sqlx::Error::Database(cause) if D::Driver::has_ended(cause.as_ref()));
                if has_ended && D::Driver::may_roll_back_by_itself(fault) {
                    return RolledBack::Unclear(EndedEarly(error));
                }
                if has_ended {
                    return RolledBack::Early(EndedEarly(error));
                }
            }
            Err(_elapsed) => self.is_lost("the rollback had no answer"),
        }
        RolledBack::Whole
    }

    /// Remembers a row that it has inserted.
    pub(crate) fn owns(&mut self, inserted: Inserted) {
        self.row = inserted.number.filter(|_| inserted.is_new).or(self.row);
    }

    /// The number of the last row that it has inserted, where the database gives one.
    pub(crate) fn row(&self) -> Option<u64> {
        self.row
    }

    /// Rolls back whatever is open after an unclear end, and runs this on the connection, all within a bounded time. `None`
    /// without an answer: the connection is then closed.
    pub(crate) async fn after_end<T: Send>(
        mut self,
        ask: impl for<'c> FnOnce(&'c mut <D::Driver as sqlx::Database>::Connection) -> BoxFuture<'c, Result<T, sqlx::Error>>
        + Send,
    ) -> Option<T> {
        let wait = self.wait;
        let conn = self.conn();
        let answer = timeout(ROLLBACK_TIMEOUT, async move {
            D::Driver::run(conn, D::Driver::reset(wait)).await?;
            ask(conn).await
        });
        if let Ok(Ok(answer)) = answer.await {
            self.open = false;
            return Some(answer);
        }
        self.is_lost("after its end nothing could be asked");
        None
    }

    /// What the first error of the transaction means; it can then only be rolled back.
    pub fn fault(&self) -> Option<Fault> {
        self.failed.as_ref().map(StatementError::fault).or(self.unread.then_some(Fault::Statement))
    }

    /// The first error, if there was one.
    pub(crate) fn first_error(&self) -> Option<StatementError> {
        let unread =
            || StatementError::new(Fault::Statement, "not all results of several statements in one text were read");
        self.failed.clone().or_else(|| self.unread.then(unread))
    }

    /// The connection is not used any more: the drop closes it.
    fn is_lost(&mut self, why: &str) {
        self.failed = Some(StatementError::new(Fault::Lost, why));
    }

    /// The connection below, for the barrier's own statements.
    pub(crate) fn conn(&mut self) -> &mut <D::Driver as sqlx::Database>::Connection {
        self.conn.as_mut().expect("there until the drop")
    }

    /// Whether the connection keeps prepared statements.
    pub(crate) fn caches_statements(&self) -> bool {
        self.caches_statements
    }

    /// Remembers an error: the transaction can then only be rolled back.
    pub(crate) fn note<T>(&mut self, result: Result<T, sqlx::Error>) -> Result<T, sqlx::Error> {
        note::<D::Driver, T>(&mut self.failed, result)
    }

    /// Checks the SQL of a query.
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
        if self.failed.is_some() {
            // The database may have rolled back by itself; it would then commit this statement alone.
            return Err(sqlx::Error::Configuration(
                "an earlier statement of this transaction failed: it can only be rolled back; return that error".into(),
            ));
        }
        match statement::count(sql.as_str(), &D::Driver::SYNTAX) {
            Ok(statements) => Ok((sql, statements > 1)),
            Err(word) => self.note(Err(sqlx::Error::Configuration(
                format!(
                    "`{word}` is not allowed in this transaction: Branchwire begins and ends it, and a branch does not \
                     change the schema or the session"
                )
                .into(),
            ))),
        }
    }
}

fn note<DB: Driver, T>(failed: &mut Option<StatementError>, result: Result<T, sqlx::Error>) -> Result<T, sqlx::Error> {
    if let Err(error) = &result {
        // Keep the first error: later ones are often only its consequence.
        failed.get_or_insert_with(|| StatementError::new(Fault::of::<DB>(error), error.to_string()));
    }
    result
}

impl<D: Database> Drop for Tx<D> {
    fn drop(&mut self) {
        if self.open
            && let Some(conn) = self.conn.take()
        {
            let is_usable = self.failed.as_ref().map(StatementError::fault) != Some(Fault::Lost);
            Abandoned::new(conn, self.queue.take()).roll_back(self.wait, is_usable);
        }
    }
}

async fn lend<D: Database>(db: &D) -> Result<Lent<D::Driver>, sqlx::Error> {
    match db.recycling() {
        Some(pool) => pool.lend().await,
        None => Lent::by(db.pool()).await,
    }
}

/// No turn came in front of a database that has one writer at a time.
fn no_turn(limit: Duration) -> sqlx::Error {
    let text = format!(
        "another transaction of this process holds this SQLite file, and did not end within {limit:?}: does the business \
         begin a transaction of the same file, or a message, inside its own transaction?"
    );
    sqlx::Error::Io(std::io::Error::new(std::io::ErrorKind::TimedOut, text))
}

impl<D: Database> fmt::Debug for Tx<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tx").field("failed", &self.failed).finish_non_exhaustive()
    }
}

/// A query whose SQL has passed the guard.
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
                let Tx { conn, failed, unread, .. } = self;
                let conn = conn.as_mut().expect("there until the drop");
                let was_unread = std::mem::replace(unread, *unread || query.is_several);
                let results = (**conn).fetch_many(query).map(move |result| note::<D::Driver, _>(failed, result));
                let end = futures_util::stream::poll_fn(move |_| {
                    *unread = was_unread;
                    Poll::Ready(None)
                });
                results.chain(end).boxed()
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
            let row = self.conn().fetch_optional(query).await;
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
            let statement = self.conn().prepare_with(sql, parameters).await;
            self.note(statement)
        })
    }

    fn describe<'e>(self, sql: SqlStr) -> BoxFuture<'e, Result<sqlx::Describe<D::Driver>, sqlx::Error>>
    where
        'c: 'e,
    {
        Box::pin(async move {
            let (sql, _) = self.admit_sql(sql)?;
            let described = self.conn().describe(sql).await;
            self.note(described)
        })
    }
}
