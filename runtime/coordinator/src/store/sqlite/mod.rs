//! The store in one SQLite file: for one coordinator, with nothing to install.
//!
//! One connection writes, under `journal_mode=WAL` and `synchronous=FULL`; others read. A lock file beside the database
//! keeps a second coordinator out.

mod read;
mod statements;

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection, SqliteConnection, SqlitePool};
use tokio::sync::Mutex;

use super::attempt::{Failure, until_certain};
use super::{Filter, KvPut, KvRow, OpenError, Outcome, ResetDue, Row, Store, StoreError, Sweep, Take, Taken, Write};
use crate::engine::Time;

/// How many connections read at once.
const READERS: u32 = 4;

/// A SQLite file as a store.
#[derive(Debug)]
pub struct SqliteStore {
    options: SqliteConnectOptions,
    /// The one connection that writes; none after an error that leaves its state in doubt.
    writer: Mutex<Option<SqliteConnection>>,
    readers: SqlitePool,
    /// Held until the store is closed; the system gives it back, however the process ends.
    lock: File,
}

impl SqliteStore {
    /// Opens `file`, and creates it with its tables if it is not there.
    ///
    /// # Errors
    /// [`OpenError`] if another coordinator has it open, it is not a database that can be written, or it does not keep
    /// its promise of durability.
    pub async fn open(file: impl AsRef<Path>) -> Result<Self, OpenError> {
        let file = file.as_ref();
        let shown = file.display();
        let error = |what: &str, error: &dyn std::fmt::Display| OpenError::new(&shown, format!("{what}: {error}"));
        let lock = lock(file)?;
        let options = SqliteConnectOptions::new()
            .filename(file)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            // Without effect but on macOS, where an ordinary fsync leaves the data in the disk's own cache.
            .pragma("fullfsync", "1")
            .pragma("checkpoint_fullfsync", "1")
            .busy_timeout(Duration::from_secs(5))
            .disable_statement_logging();
        let mut writer = options.connect().await.map_err(|e| error("cannot be opened", &e))?;
        check_durability(&mut writer).await.map_err(|reason| OpenError::new(&shown, reason))?;
        sqlx::raw_sql(include_str!("schema.sql"))
            .execute(&mut writer)
            .await
            .map_err(|e| error("its tables cannot be created", &e))?;
        let readers = SqlitePoolOptions::new().max_connections(READERS).connect_lazy_with(options.clone());
        Ok(Self { options, writer: Mutex::new(Some(writer)), readers, lock })
    }

    /// Does `work` on the writing connection, connecting anew if need be.
    async fn connected<'a>(
        &self,
        slot: &'a mut Option<SqliteConnection>,
    ) -> Result<&'a mut SqliteConnection, StoreError> {
        if slot.is_none() {
            let mut connection = self.options.connect().await.map_err(unavailable)?;
            check_durability(&mut connection).await.map_err(StoreError::Unavailable)?;
            *slot = Some(connection);
        }
        slot.as_mut().ok_or_else(|| StoreError::Unavailable("no connection".to_owned()))
    }

    async fn write_once(&self, writes: &[Write]) -> Result<Vec<Outcome>, Failure> {
        let mut slot = self.writer.lock().await;
        let connection = self.connected(&mut slot).await.map_err(Failure::Certain)?;
        let outcomes = match statements::execute(connection, writes).await {
            Ok(outcomes) => outcomes,
            Err(error) => {
                if sqlx::raw_sql("ROLLBACK").execute(&mut *connection).await.is_err() {
                    discard(&mut slot).await;
                }
                return Err(Failure::Certain(classify(&error)));
            }
        };
        match sqlx::raw_sql("COMMIT").execute(connection).await {
            Ok(_) => Ok(outcomes),
            Err(error) => {
                // It may be on the disk, or not. A new connection reads what is there.
                discard(&mut slot).await;
                Err(Failure::Doubt(error.to_string()))
            }
        }
    }

    async fn take(&self, take: &Take) -> Result<Taken, StoreError> {
        let next_due = read::next_due(&self.readers).await.map_err(unavailable)?;
        if next_due.is_none_or(|due| due > take.now) {
            return Ok(Taken { rows: Vec::new(), next_due });
        }
        let mut slot = self.writer.lock().await;
        let gids = statements::take(self.connected(&mut slot).await?, take).await.map_err(unavailable)?;
        drop(slot);
        let rows = read::load_all(&self.readers, &gids).await.map_err(unavailable)?;
        let next_due = read::next_due(&self.readers).await.map_err(unavailable)?;
        Ok(Taken { rows, next_due })
    }
}

impl Store for SqliteStore {
    fn write<'a>(&'a self, writes: &'a [Write]) -> BoxFuture<'a, Result<Vec<Outcome>, StoreError>> {
        until_certain(|_| self.write_once(writes)).boxed()
    }

    fn load<'a>(&'a self, gid: &'a str) -> BoxFuture<'a, Result<Option<Row>, StoreError>> {
        async move {
            let filter = Filter { gid: gid.to_owned(), limit: 1, ..Filter::default() };
            Ok(read::list(&self.readers, &filter).await.map_err(unavailable)?.pop())
        }
        .boxed()
    }

    fn take_due<'a>(&'a self, take: &'a Take) -> BoxFuture<'a, Result<Taken, StoreError>> {
        self.take(take).boxed()
    }

    fn release_all(&self, now: Time) -> BoxFuture<'_, Result<(), StoreError>> {
        // The lock file says that nobody else runs what is held.
        async move {
            let mut slot = self.writer.lock().await;
            statements::release_all(self.connected(&mut slot).await?, now).await.map_err(unavailable)
        }
        .boxed()
    }

    fn list<'a>(&'a self, filter: &'a Filter) -> BoxFuture<'a, Result<Vec<Row>, StoreError>> {
        async move { read::list(&self.readers, filter).await.map_err(unavailable) }.boxed()
    }

    fn reset_due(&self, now: Time, later_than: Time, limit: u32) -> BoxFuture<'_, Result<ResetDue, StoreError>> {
        async move {
            let mut slot = self.writer.lock().await;
            let connection = self.connected(&mut slot).await?;
            statements::reset_due(connection, now, later_than, limit).await.map_err(unavailable)
        }
        .boxed()
    }

    fn kv_get<'a>(&'a self, cat: &'a str, k: &'a str) -> BoxFuture<'a, Result<Option<KvRow>, StoreError>> {
        async move { read::kv_get(&self.readers, cat, k).await.map_err(unavailable) }.boxed()
    }

    fn kv_scan<'a>(&'a self, cat: &'a str, position: i64, limit: u32) -> BoxFuture<'a, Result<Vec<KvRow>, StoreError>> {
        async move { read::kv_scan(&self.readers, cat, position, limit).await.map_err(unavailable) }.boxed()
    }

    fn kv_put<'a>(&'a self, put: &'a KvPut) -> BoxFuture<'a, Result<Outcome, StoreError>> {
        async move {
            let mut slot = self.writer.lock().await;
            statements::kv_put(self.connected(&mut slot).await?, put).await.map_err(|error| classify(&error))
        }
        .boxed()
    }

    fn sweep<'a>(&'a self, sweep: &'a Sweep) -> BoxFuture<'a, Result<Option<i64>, StoreError>> {
        async move {
            let rows = read::by_id(&self.readers, sweep).await.map_err(unavailable)?;
            let (ids, last) = sweep.choose(&rows);
            if !ids.is_empty() {
                let mut slot = self.writer.lock().await;
                statements::remove(self.connected(&mut slot).await?, &ids).await.map_err(unavailable)?;
            }
            Ok(last)
        }
        .boxed()
    }

    /// A file of its own need not keep everything: a week.
    fn retention(&self) -> Option<Duration> {
        Some(Duration::from_hours(7 * 24))
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        async move {
            self.readers.close().await;
            if let Some(writer) = self.writer.lock().await.take()
                && let Err(error) = writer.close().await
            {
                tracing::warn!(%error, "the store was not closed in order");
            }
            if let Err(error) = self.lock.unlock() {
                tracing::warn!(%error, "the store stays locked until this process ends");
            }
        }
        .boxed()
    }
}

async fn discard(slot: &mut Option<SqliteConnection>) {
    if let Some(connection) = slot.take() {
        // Closing ends a transaction that is still open; an error adds nothing to what is known.
        let _ = connection.close_hard().await;
    }
}

fn lock(file: &Path) -> Result<File, OpenError> {
    let mut path = file.as_os_str().to_owned();
    path.push(".lock");
    let path = PathBuf::from(path);
    let lock = File::create(&path).map_err(|e| {
        OpenError::new(&file.display(), format!("the lock file {} cannot be made: {e}", path.display()))
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

/// Reads back what was asked for: some file systems refuse WAL, and then SQLite says nothing.
async fn check_durability(connection: &mut SqliteConnection) -> Result<(), String> {
    let mode: String = pragma(connection, "PRAGMA journal_mode").await?;
    let synchronous: i64 = pragma(connection, "PRAGMA synchronous").await?;
    if mode == "wal" && synchronous == 2 {
        Ok(())
    } else {
        Err(format!("it runs with journal_mode={mode} and synchronous={synchronous}, not WAL and 2 (FULL)"))
    }
}

async fn pragma<T>(connection: &mut SqliteConnection, sql: &'static str) -> Result<T, String>
where
    T: Send + Unpin + for<'r> sqlx::Decode<'r, sqlx::Sqlite> + sqlx::Type<sqlx::Sqlite>,
{
    sqlx::query_scalar(sql).fetch_one(connection).await.map_err(|e| format!("{sql}: {e}"))
}

#[expect(clippy::needless_pass_by_value, reason = "used with map_err")]
fn unavailable(error: sqlx::Error) -> StoreError {
    StoreError::Unavailable(error.to_string())
}

/// Tells errors of the data, which come back at every attempt, from those of the moment.
fn classify(error: &sqlx::Error) -> StoreError {
    let code = match error {
        sqlx::Error::Database(database) => database.code().and_then(|code| code.parse::<i32>().ok()),
        sqlx::Error::Encode(_) => return StoreError::Data(error.to_string()),
        _ => None,
    };
    // Extended codes carry the primary one in their low byte: TOOBIG, CONSTRAINT, MISMATCH.
    match code.map(|code| code & 0xff) {
        Some(18..=20) => StoreError::Data(error.to_string()),
        _ => StoreError::Unavailable(error.to_string()),
    }
}
