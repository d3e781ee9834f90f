//! The store in one SQLite file: for one coordinator, with nothing to install.
//!
//! One connection writes, under `journal_mode=WAL` and `synchronous=FULL`; others read. A lock file beside the database
//! keeps a second coordinator out.

mod batch;
mod error;
mod place;
mod read;
mod schema;
mod statements;
mod writer;

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions};
use sqlx::{ConnectOptions, SqlitePool};

use self::error::classify;
use self::writer::{Link, Writer};
use super::attempt::{Failure, until_certain};
use super::{
    Filter, KvPut, KvRow, Leases, OpenError, ResetDue, Row, Store, StoreError, Sweep, Take, Taken, Unfinished, Write,
    WriteOutcome,
};
use crate::engine::Time;

/// How many connections read at once.
const READERS: u32 = 4;

/// SQL condition for the rows that are for us: no DTM server writes into this file.
const ALL: &str = "TRUE";

/// A SQLite file as a store.
// Fields are dropped from top to bottom: the lock is released after the last write.
#[derive(Debug)]
pub struct SqliteStore {
    writer: Writer,
    readers: SqlitePool,
    /// Held until the store is closed; the system releases it, however the process ends.
    lock: File,
}

impl SqliteStore {
    /// Opens `file`, and creates it with its tables if it does not exist. It grows to at most `bytes_max`.
    ///
    /// # Errors
    /// [`OpenError`] if another coordinator has it open, it is not a writable database, or its settings for durability
    /// do not hold.
    pub async fn open(file: impl AsRef<Path>, bytes_max: Option<u64>) -> Result<Self, OpenError> {
        let file = file.as_ref();
        let shown = file.display();
        let lock = lock(file)?;
        let path = file.to_owned();
        let writer = tokio::task::spawn_blocking(move || Writer::open(&path, bytes_max)).await;
        let writer = writer.unwrap_or_else(|panic| Err(panic.to_string()));
        let writer = writer.map_err(|reason| OpenError::new(&shown, reason))?;
        let options =
            SqliteConnectOptions::new().filename(file).busy_timeout(Duration::from_secs(5)).disable_statement_logging();
        let readers = SqlitePoolOptions::new().max_connections(READERS);
        let store = Self { writer, readers: readers.connect_lazy_with(options), lock };
        store.probe().await.map_err(|error| OpenError::new(&shown, format!("it cannot be written: {error}")))?;
        Ok(store)
    }

    /// Does `work` on the writing connection.
    async fn on_writer<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut rusqlite::Connection) -> Result<T, rusqlite::Error> + Send + 'static,
    ) -> Result<T, StoreError> {
        let work = |link: &mut Link| {
            work(link.connection()?).map_err(|error| {
                let failure = classify(&error);
                if !failure.leaves_connection() {
                    link.discard();
                }
                failure.into_error()
            })
        };
        self.writer.run(work).await?
    }

    async fn write_once(&self, writes: &[Write]) -> Result<Vec<WriteOutcome>, Failure> {
        let writes = writes.to_vec();
        match self.writer.run(move |link| write(link, &writes)).await {
            Ok(done) => done,
            Err(error @ StoreError::Unavailable(_)) => Err(Failure::Refused(error)),
            Err(error) => Err(Failure::Doubt(error.to_string())),
        }
    }

    async fn take(&self, take: &Take) -> Result<Taken, StoreError> {
        let next_due = read::next_due(&self.readers).await.map_err(unavailable)?;
        if next_due.is_none_or(|due| due > take.now) {
            return Ok(Taken { rows: Vec::new(), next_due });
        }
        let wanted = take.clone();
        let gids = self.on_writer(move |connection| statements::take(connection, &wanted)).await?;
        let rows = read::load_all(&self.readers, &gids).await.map_err(unavailable)?;
        let next_due = read::next_due(&self.readers).await.map_err(unavailable)?;
        Ok(Taken { rows, next_due })
    }
}

impl Store for SqliteStore {
    fn write<'a>(&'a self, writes: &'a [Write]) -> BoxFuture<'a, Result<Vec<WriteOutcome>, StoreError>> {
        until_certain(|_| self.write_once(writes)).boxed()
    }

    fn load<'a>(&'a self, gid: &'a str) -> BoxFuture<'a, Result<Option<Row>, StoreError>> {
        async move {
            let filter = Filter { gid: gid.to_owned(), limit: 1, ..Filter::default() };
            Ok(read::list(&self.readers, &filter, ALL).await.map_err(unavailable)?.pop())
        }
        .boxed()
    }

    fn take_due<'a>(&'a self, take: &'a Take) -> BoxFuture<'a, Result<Taken, StoreError>> {
        self.take(take).boxed()
    }

    fn release_all(&self, now: Time) -> BoxFuture<'_, Result<(), StoreError>> {
        // The lock file excludes other coordinators, so all leases are of former processes.
        self.on_writer(move |connection| statements::release_all(connection, now)).boxed()
    }

    fn list<'a>(&'a self, filter: &'a Filter) -> BoxFuture<'a, Result<Vec<Row>, StoreError>> {
        async move { read::list(&self.readers, filter, ALL).await.map_err(unavailable) }.boxed()
    }

    fn unfinished(&self, now: Time) -> BoxFuture<'_, Result<Vec<Unfinished>, StoreError>> {
        async move { read::unfinished(&self.readers, ALL, now).await.map_err(unavailable) }.boxed()
    }

    fn leases(&self, now: Time) -> BoxFuture<'_, Result<Vec<Leases>, StoreError>> {
        async move { read::leases(&self.readers, now).await.map_err(unavailable) }.boxed()
    }

    fn reset_due(&self, now: Time, later_than: Time, limit: u32) -> BoxFuture<'_, Result<ResetDue, StoreError>> {
        self.on_writer(move |connection| statements::reset_due(connection, now, later_than, limit)).boxed()
    }

    fn kv_get<'a>(&'a self, cat: &'a str, k: &'a str) -> BoxFuture<'a, Result<Option<KvRow>, StoreError>> {
        async move { read::kv_get(&self.readers, cat, k).await.map_err(unavailable) }.boxed()
    }

    fn kv_scan<'a>(&'a self, cat: &'a str, position: i64, limit: u32) -> BoxFuture<'a, Result<Vec<KvRow>, StoreError>> {
        async move { read::kv_scan(&self.readers, cat, position, limit).await.map_err(unavailable) }.boxed()
    }

    fn kv_put<'a>(&'a self, put: &'a KvPut) -> BoxFuture<'a, Result<WriteOutcome, StoreError>> {
        let put = put.clone();
        self.on_writer(move |connection| statements::kv_put(connection, &put)).boxed()
    }

    fn sweep<'a>(&'a self, sweep: &'a Sweep) -> BoxFuture<'a, Result<Option<i64>, StoreError>> {
        async move {
            let rows = read::by_id(&self.readers, sweep).await.map_err(unavailable)?;
            let (ids, last) = sweep.choose(&rows);
            if !ids.is_empty() {
                self.on_writer(move |connection| statements::remove(connection, &ids)).await?;
            }
            Ok(last)
        }
        .boxed()
    }

    fn probe(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        self.on_writer(|connection| statements::mark(connection)).boxed()
    }

    /// One week: nobody else reads this file, so it need not keep everything.
    fn retention(&self) -> Option<Duration> {
        Some(Duration::from_hours(7 * 24))
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        async move {
            self.readers.close().await;
            if let Ok(Err(error)) = self.writer.run(Link::close).await {
                tracing::warn!(%error, "the store was not closed in order");
            }
            if let Err(error) = self.lock.unlock() {
                tracing::warn!(%error, "the store stays locked until this process ends");
            }
        }
        .boxed()
    }
}

/// Executes the writes in one commit.
fn write(link: &mut Link, writes: &[Write]) -> Result<Vec<WriteOutcome>, Failure> {
    let connection = link.connection().map_err(Failure::Refused)?;
    let outcomes = match batch::execute(connection, writes) {
        Ok(outcomes) => outcomes,
        Err(error) => {
            let failure = classify(&error);
            if connection.execute_batch("ROLLBACK").is_err() || !failure.leaves_connection() {
                link.discard();
            }
            return Err(failure);
        }
    };
    match connection.execute_batch("COMMIT") {
        // Into a removed file as well; then the next attempt says so.
        Ok(()) => link.check_place().map(|()| outcomes).map_err(Failure::Doubt),
        Err(error) => {
            // The commit may be on disk or not. A new connection reads which.
            link.discard();
            Err(Failure::Doubt(error.to_string()))
        }
    }
}

fn lock(file: &Path) -> Result<File, OpenError> {
    let mut path = file.as_os_str().to_owned();
    path.push(".lock");
    let path = PathBuf::from(path);
    let lock = File::create(&path).map_err(|e| {
        OpenError::new(&file.display(), format!("the lock file {} cannot be created: {e}", path.display()))
    })?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => Err(OpenError::new(
            &file.display(),
            "another coordinator has it open; several on one store need PostgreSQL or MySQL",
        )),
        Err(TryLockError::Error(e)) => Err(OpenError::new(&file.display(), format!("it cannot be locked: {e}"))),
    }
}

#[expect(clippy::needless_pass_by_value, reason = "used with map_err")]
fn unavailable(error: sqlx::Error) -> StoreError {
    StoreError::Unavailable(error.to_string())
}
