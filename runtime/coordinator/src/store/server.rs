//! The store on a database server: one connection that writes, a pool that reads, and the rules that both servers share.
//!
//! What differs between PostgreSQL and MySQL is a [`Dialect`].

use std::fmt;
use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use sqlx::{Connection, Pool};
use tokio::sync::{Mutex, MutexGuard};
use tokio::time::{Instant, timeout};

use super::attempt::{Failure, until_certain};
use super::{
    Filter, KvPut, KvRow, Leases, ResetDue, Row, Store, StoreError, Sweep, Take, Taken, Unfinished, Write, WriteOutcome,
};
use crate::engine::Time;

/// How many connections read at once.
pub(super) const READERS: u32 = 8;

/// How long a connection may take.
pub(super) const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// How long to wait for a turn on the writing connection: enough for a few hosts and statements that hang.
const TURN_TIMEOUT: Duration = Duration::from_secs(30);

/// Timeout of a response: longer than the database's own timeout of a statement.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(15);

/// A write that became durable within this time shows that the store can be written.
const WRITTEN_LATELY: Duration = Duration::from_secs(1);

type Connected<D> = <<D as Dialect>::Database as sqlx::Database>::Connection;
type Readers<D> = Pool<<D as Dialect>::Database>;

/// What differs between the servers.
pub(super) trait Dialect: Send + Sync + Sized + 'static {
    /// sqlx's driver.
    type Database: sqlx::Database;

    /// The longest payload of a branch, in bytes.
    const PAYLOAD_BYTES_MAX: usize;

    /// Whether others can read a commit before it is on disk.
    const SHOWS_EARLY: bool;

    /// Opens a connection for writes, to a primary, with its settings made and read back. The error is a text for
    /// people.
    fn connect(&self) -> impl Future<Output = Result<Connected<Self>, String>> + Send;

    /// A pool of connections for reads, set up in the same way. It connects on first use.
    fn readers(&self) -> Readers<Self>;

    /// What is certain about the effect of a statement, or of its commit, that failed with this error.
    fn classify(error: &sqlx::Error) -> Failure;

    /// Ends a transaction that a refused statement left open. Returns whether the connection can still be used.
    fn roll_back(connection: &mut Connected<Self>) -> impl Future<Output = bool> + Send;

    fn execute(
        &self,
        connection: &mut Connected<Self>,
        writes: &[Write],
        in_doubt: bool,
    ) -> impl Future<Output = Result<Vec<WriteOutcome>, sqlx::Error>> + Send;

    fn take(
        &self,
        connection: &mut Connected<Self>,
        take: &Take,
    ) -> impl Future<Output = Result<Vec<String>, sqlx::Error>> + Send;

    fn reset_due(
        connection: &mut Connected<Self>,
        later_than: Duration,
        limit: u32,
    ) -> impl Future<Output = Result<ResetDue, sqlx::Error>> + Send;

    fn kv_put(
        connection: &mut Connected<Self>,
        put: &KvPut,
    ) -> impl Future<Output = Result<WriteOutcome, sqlx::Error>> + Send;

    /// Durably writes an entry of our own that nobody reads.
    fn mark(connection: &mut Connected<Self>, key: &str) -> impl Future<Output = Result<(), sqlx::Error>> + Send;

    fn remove(connection: &mut Connected<Self>, ids: &[i64]) -> impl Future<Output = Result<(), sqlx::Error>> + Send;

    /// The time until the next transaction is due, by the database's clock; zero if it is overdue.
    fn next_due(readers: &Readers<Self>) -> impl Future<Output = Result<Option<Duration>, sqlx::Error>> + Send;

    fn list(readers: &Readers<Self>, filter: &Filter) -> impl Future<Output = Result<Vec<Row>, sqlx::Error>> + Send;

    fn unfinished(
        readers: &Readers<Self>,
        now: Time,
    ) -> impl Future<Output = Result<Vec<Unfinished>, sqlx::Error>> + Send;

    #[cfg_attr(not(feature = "console"), allow(dead_code, reason = "for a page of the console"))]
    fn leases(readers: &Readers<Self>, now: Time) -> impl Future<Output = Result<Vec<Leases>, sqlx::Error>> + Send;

    fn load_all(readers: &Readers<Self>, gids: &[String])
    -> impl Future<Output = Result<Vec<Row>, sqlx::Error>> + Send;

    fn kv_get(
        readers: &Readers<Self>,
        cat: &str,
        k: &str,
    ) -> impl Future<Output = Result<Option<KvRow>, sqlx::Error>> + Send;

    fn kv_scan(
        readers: &Readers<Self>,
        cat: &str,
        position: i64,
        limit: u32,
    ) -> impl Future<Output = Result<Vec<KvRow>, sqlx::Error>> + Send;

    /// Rows by id, each with the times of its creation and its end.
    fn by_id(
        readers: &Readers<Self>,
        sweep: &Sweep,
    ) -> impl Future<Output = Result<Vec<(i64, i64, Option<i64>)>, sqlx::Error>> + Send;

    /// How many unfinished transactions are not for us.
    fn left_to_others(readers: &Readers<Self>) -> impl Future<Output = Result<i64, sqlx::Error>> + Send;
}

/// A database as a store.
pub(super) struct ServerStore<D: Dialect> {
    dialect: D,
    /// The one connection that writes; none after an error that leaves its state in doubt.
    writer: Mutex<Option<Connected<D>>>,
    /// Replaced together with the writer's connection: the server that they lead to may no longer be the primary.
    readers: RwLock<Readers<D>>,
    /// When the last write became durable.
    written: RwLock<Option<Instant>>,
}

impl<D: Dialect> fmt::Debug for ServerStore<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerStore").finish_non_exhaustive()
    }
}

/// The writing connection while one caller uses it. If the caller is cancelled the connection is closed.
struct WriterTurn<'s, D: Dialect> {
    slot: MutexGuard<'s, Option<Connected<D>>>,
    connection: Connected<D>,
}

/// The result of a turn's work; the outer error is a timeout.
type TimedResult<T> = Result<Result<T, sqlx::Error>, tokio::time::error::Elapsed>;

fn in_time<T>(work: impl Future<Output = Result<T, sqlx::Error>>) -> impl Future<Output = TimedResult<T>> {
    timeout(ANSWER_TIMEOUT, work)
}

/// The turn on what all writers share, after all earlier callers.
async fn turn_on<T>(writer: &Mutex<T>) -> Result<MutexGuard<'_, T>, Failure> {
    let too_many = |_| Failure::Unreachable("too many wait for the connection that writes".to_owned());
    timeout(TURN_TIMEOUT, writer.lock()).await.map_err(too_many)
}

impl<D: Dialect> ServerStore<D> {
    /// A store whose tables exist. Does not connect yet.
    pub(super) fn new(dialect: D) -> Self {
        let readers = RwLock::new(dialect.readers());
        Self { dialect, writer: Mutex::new(None), readers, written: RwLock::new(None) }
    }

    /// Writes an entry of our own, on the connection and with the settings of every write.
    async fn mark(&self, key: &str) -> Result<(), Failure> {
        let mut turn = self.turn().await?;
        let done = in_time(D::mark(&mut turn.connection, key)).await;
        self.end(turn, done).await
    }

    /// The writing connection, after all earlier callers; connects if there is none.
    async fn turn(&self) -> Result<WriterTurn<'_, D>, Failure> {
        let mut slot = turn_on(&self.writer).await?;
        let connection = if let Some(connection) = slot.take() {
            connection
        } else {
            let connection = self.dialect.connect().await.map_err(Failure::Unreachable)?;
            // The new connection may lead to another host.
            self.renew_readers();
            connection
        };
        Ok(WriterTurn { slot, connection })
    }

    fn renew_readers(&self) {
        *self.readers.write().unwrap_or_else(PoisonError::into_inner) = self.dialect.readers();
    }

    /// Gives the connection back, if it can still be used.
    async fn end<T>(&self, turn: WriterTurn<'_, D>, answer: TimedResult<T>) -> Result<T, Failure> {
        let WriterTurn { mut slot, mut connection } = turn;
        let failure = match answer {
            Ok(Ok(done)) => {
                *slot = Some(connection);
                *self.written.write().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
                return Ok(done);
            }
            Ok(Err(error)) => D::classify(&error),
            Err(_) => Failure::Doubt("the database does not answer".to_owned()),
        };
        if failure.leaves_connection()
            && matches!(timeout(CONNECT_TIMEOUT, D::roll_back(&mut connection)).await, Ok(true))
        {
            *slot = Some(connection);
        } else {
            // Dropped without a goodbye to the server, which may not respond.
            self.renew_readers();
        }
        Err(failure)
    }

    /// Reads on the readers. If their server is gone, the writing connection finds the primary, and the read is
    /// repeated once.
    async fn read<T, F>(&self, ask: impl Fn(Readers<D>) -> F) -> Result<T, StoreError>
    where
        F: Future<Output = Result<T, sqlx::Error>>,
    {
        let readers = || self.readers.read().unwrap_or_else(PoisonError::into_inner).clone();
        let failure = match in_time(ask(readers())).await {
            Ok(Ok(answer)) => return Ok(answer),
            Ok(Err(error)) => D::classify(&error),
            Err(_) => Failure::Doubt("the database does not answer".to_owned()),
        };
        if failure.leaves_connection() {
            return Err(failure.into_unread());
        }
        self.mark("readers").await.map_err(Failure::into_unread)?;
        match in_time(ask(readers())).await {
            Ok(answer) => answer.map_err(|error| D::classify(&error).into_unread()),
            Err(_) => Err(StoreError::Unavailable("the database does not answer".to_owned())),
        }
    }

    async fn write_once(&self, writes: &[Write], in_doubt: bool) -> Result<Vec<WriteOutcome>, Failure> {
        let mut turn = self.turn().await?;
        let done = in_time(self.dialect.execute(&mut turn.connection, writes, in_doubt)).await;
        self.end(turn, done).await
    }

    async fn take(&self, take: &Take) -> Result<Taken, StoreError> {
        let next_due = async || {
            let wait = self.read(move |readers| async move { D::next_due(&readers).await }).await?;
            Ok(wait.map(|wait| (wait.is_zero(), take.now.after(wait))))
        };
        match next_due().await? {
            Some((true, _)) => {}
            later => return Ok(Taken { rows: Vec::new(), next_due: later.map(|(_, time)| time) }),
        }
        let mut turn = self.turn().await.map_err(Failure::into_error)?;
        let taken = in_time(self.dialect.take(&mut turn.connection, take)).await;
        // Transactions that were taken in doubt become due again when the lease ends.
        let gids = self.end(turn, taken).await.map_err(Failure::into_error)?;
        let gids = gids.as_slice();
        let rows = self.read(move |readers| async move { D::load_all(&readers, gids).await }).await?;
        Ok(Taken { rows, next_due: next_due().await?.map(|(_, time)| time) })
    }
}

impl<D: Dialect> Store for ServerStore<D> {
    fn write<'a>(&'a self, writes: &'a [Write]) -> BoxFuture<'a, Result<Vec<WriteOutcome>, StoreError>> {
        until_certain(|in_doubt| self.write_once(writes, in_doubt)).boxed()
    }

    fn load<'a>(&'a self, gid: &'a str) -> BoxFuture<'a, Result<Option<Row>, StoreError>> {
        async move {
            let filter = Filter { gid: gid.to_owned(), limit: 1, ..Filter::default() };
            let filter = &filter;
            match self.read(move |readers| async move { D::list(&readers, filter).await }).await?.pop() {
                // On MySQL DTM's tables ignore case and trailing spaces in a comparison; gids do not.
                Some(row) if row.gid != gid => {
                    Err(StoreError::Data(format!("gid {gid} is already used by {}", row.gid)))
                }
                row => Ok(row),
            }
        }
        .boxed()
    }

    fn take_due<'a>(&'a self, take: &'a Take) -> BoxFuture<'a, Result<Taken, StoreError>> {
        self.take(take).boxed()
    }

    fn release_all(&self, _now: Time) -> BoxFuture<'_, Result<(), StoreError>> {
        // Other coordinators may be working on rows with a lease; these leases end by themselves.
        async { Ok(()) }.boxed()
    }

    fn list<'a>(&'a self, filter: &'a Filter) -> BoxFuture<'a, Result<Vec<Row>, StoreError>> {
        self.read(move |readers| async move { D::list(&readers, filter).await }).boxed()
    }

    fn reset_due(&self, now: Time, later_than: Time, limit: u32) -> BoxFuture<'_, Result<ResetDue, StoreError>> {
        async move {
            let mut turn = self.turn().await.map_err(Failure::into_error)?;
            let reset = in_time(D::reset_due(&mut turn.connection, now.until(later_than), limit)).await;
            self.end(turn, reset).await.map_err(Failure::into_error)
        }
        .boxed()
    }

    fn kv_get<'a>(&'a self, cat: &'a str, k: &'a str) -> BoxFuture<'a, Result<Option<KvRow>, StoreError>> {
        self.read(move |readers| async move { D::kv_get(&readers, cat, k).await }).boxed()
    }

    fn kv_scan<'a>(&'a self, cat: &'a str, position: i64, limit: u32) -> BoxFuture<'a, Result<Vec<KvRow>, StoreError>> {
        self.read(move |readers| async move { D::kv_scan(&readers, cat, position, limit).await }).boxed()
    }

    fn kv_put<'a>(&'a self, put: &'a KvPut) -> BoxFuture<'a, Result<WriteOutcome, StoreError>> {
        async move {
            let mut turn = self.turn().await.map_err(Failure::into_error)?;
            let done = in_time(D::kv_put(&mut turn.connection, put)).await;
            self.end(turn, done).await.map_err(Failure::into_error)
        }
        .boxed()
    }

    fn unfinished(&self, now: Time) -> BoxFuture<'_, Result<Vec<Unfinished>, StoreError>> {
        self.read(move |readers| async move { D::unfinished(&readers, now).await }).boxed()
    }

    fn leases(&self, now: Time) -> BoxFuture<'_, Result<Vec<Leases>, StoreError>> {
        self.read(move |readers| async move { D::leases(&readers, now).await }).boxed()
    }

    fn left_to_others(&self) -> BoxFuture<'_, Result<u64, StoreError>> {
        async move {
            let count = self.read(move |readers| async move { D::left_to_others(&readers).await }).await?;
            Ok(u64::try_from(count).unwrap_or(0))
        }
        .boxed()
    }

    fn sweep<'a>(&'a self, sweep: &'a Sweep) -> BoxFuture<'a, Result<Option<i64>, StoreError>> {
        async move {
            let rows = self.read(move |readers| async move { D::by_id(&readers, sweep).await }).await?;
            let (ids, last) = sweep.choose(&rows);
            if !ids.is_empty() {
                let mut turn = self.turn().await.map_err(Failure::into_error)?;
                let removed = in_time(D::remove(&mut turn.connection, &ids)).await;
                self.end(turn, removed).await.map_err(Failure::into_error)?;
            }
            Ok(last)
        }
        .boxed()
    }

    fn is_shared(&self) -> bool {
        true
    }

    /// The log is written in order: once a write of our own is durable, so is all data that could be read before it.
    fn ensure_durable(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        async move {
            if !D::SHOWS_EARLY {
                return Ok(());
            }
            self.mark("settle").await.map_err(Failure::into_error)
        }
        .boxed()
    }

    fn probe(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        async move {
            let written = *self.written.read().unwrap_or_else(PoisonError::into_inner);
            if written.is_some_and(|written| written.elapsed() < WRITTEN_LATELY) {
                return Ok(());
            }
            until_certain(|_| self.mark("ready")).await
        }
        .boxed()
    }

    fn payload_bytes_max(&self) -> usize {
        D::PAYLOAD_BYTES_MAX
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        async move {
            let readers = self.readers.read().unwrap_or_else(PoisonError::into_inner).clone();
            let closed = async {
                readers.close().await;
                if let Some(writer) = self.writer.lock().await.take() {
                    writer.close().await?;
                }
                Ok::<_, sqlx::Error>(())
            };
            match timeout(TURN_TIMEOUT, closed).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => tracing::debug!(%error, "the store was not closed in order"),
                Err(_) => tracing::debug!("the store was not closed in order: it does not answer"),
            }
        }
        .boxed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_turn_on_the_connection_that_writes_is_waited_for_for_a_bounded_time() {
        let writer = Mutex::new(());
        let held = turn_on(&writer).await.expect("it is free");
        let asked = Instant::now();
        let told = turn_on(&writer).await.map(drop);
        assert!(matches!(told, Err(Failure::Unreachable(_))) && asked.elapsed() == TURN_TIMEOUT, "{told:?}");
        drop(held);
        assert!(turn_on(&writer).await.is_ok());
    }
}
