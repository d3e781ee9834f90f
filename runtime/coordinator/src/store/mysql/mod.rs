//! The store on MySQL or MariaDB, in DTM's own tables: for several coordinators, and to take over a DTM server's
//! database.
//!
//! The tables are those of the address' database; they are created if they are not there. Times of leases come from the
//! database's clock. `datetime` columns have no zone: it is an option which one they are in, and UTC if none is given. A DTM
//! server writes the local time of its own process.

mod batch;
mod insert;
mod read;
mod script;
mod statements;
mod transaction;

use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use sqlx::mysql::{MySqlConnectOptions, MySqlPoolOptions};
use sqlx::{ConnectOptions, Connection, MySqlConnection, MySqlPool};
use tokio::sync::Mutex;

use super::attempt::{Failure, until_certain};
use super::{Filter, KvPut, KvRow, OpenError, Outcome, ResetDue, Row, Store, StoreError, Sweep, Take, Taken, Write};
use crate::engine::Time;

/// How many connections read at once.
const READERS: u32 = 8;

/// How long a connection is waited for.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// The longest payload in DTM's `blob` column, in bytes.
const PAYLOAD_BYTES_MAX: usize = 65_535;

/// How long an answer is waited for.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(15);

/// By how much a row may have been changed in the future before it is said that the time zone cannot be right.
const FUTURE_S_MAX: i64 = 600;

/// What the writing connection is told. At READ COMMITTED there are no locks of gaps, which only make writers wait; and
/// nothing is to be cut that is too long.
const SETTINGS: &str = "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED; \
    SET SESSION innodb_lock_wait_timeout = 5, sql_mode = CONCAT(@@sql_mode, ',STRICT_ALL_TABLES')";

/// A MySQL or MariaDB database as a store.
#[derive(Debug)]
pub struct MySqlStore {
    options: MySqlConnectOptions,
    /// The one connection that writes; none after an error that leaves its state in doubt.
    writer: Mutex<Option<MySqlConnection>>,
    readers: MySqlPool,
    time_zone_s: i32,
}

impl MySqlStore {
    /// Connects to the database at `address`, and creates the tables that are not there. `time_zone_s` is that of their
    /// times, in seconds east of UTC.
    ///
    /// # Errors
    /// [`OpenError`] if it cannot be reached or used, is a replica, or does not keep its promise of durability.
    pub async fn open(address: &str, time_zone_s: i32) -> Result<Self, OpenError> {
        let options: MySqlConnectOptions =
            address.parse().map_err(|e: sqlx::Error| OpenError::new(&"mysql", e.to_string()))?;
        let options = options.timezone(time_zone(time_zone_s)).disable_statement_logging();
        let shown = format!("mysql://{}/{}", options.get_host(), options.get_database().unwrap_or_default());
        let error = |what: &str, error: &dyn std::fmt::Display| OpenError::new(&shown, format!("{what}: {error}"));
        let mut writer = connect(&options).await.map_err(|e| error("cannot be reached", &e))?;
        check(&mut writer).await.map_err(|reason| OpenError::new(&shown, reason))?;
        sqlx::raw_sql(include_str!("schema.sql"))
            .execute(&mut writer)
            .await
            .map_err(|e| error("its tables cannot be created", &e))?;
        check_times(&mut writer).await.map_err(|reason| OpenError::new(&shown, reason))?;
        let readers = MySqlPoolOptions::new()
            .max_connections(READERS)
            .acquire_timeout(CONNECT_TIMEOUT)
            .connect_lazy_with(options.clone());
        Ok(Self { options, writer: Mutex::new(Some(writer)), readers, time_zone_s })
    }

    async fn write_once(&self, writes: &[Write], in_doubt: bool) -> Result<Vec<Outcome>, Failure> {
        let zone = self.time_zone_s;
        self.on_writer(async |connection| batch::execute(connection, zone, writes, in_doubt).await).await
    }

    /// Does `work` on the writing connection, connecting anew if need be.
    async fn on_writer<T>(
        &self,
        work: impl AsyncFnOnce(&mut MySqlConnection) -> Result<T, sqlx::Error>,
    ) -> Result<T, Failure> {
        let mut slot = self.writer.lock().await;
        // Taken out: one whose work is cancelled is not used again.
        let mut connection = match slot.take() {
            Some(connection) => connection,
            None => self.connect().await?,
        };
        let Ok(done) = tokio::time::timeout(ANSWER_TIMEOUT, work(&mut connection)).await else {
            return Err(Failure::Doubt("the database does not answer".to_owned()));
        };
        // A statement that was refused leaves its transaction open. A connection that cannot roll back does so by its end.
        let whole = match &done {
            Ok(_) => true,
            Err(sqlx::Error::Database(_)) => sqlx::raw_sql("ROLLBACK").execute(&mut connection).await.is_ok(),
            Err(_) => false,
        };
        if whole {
            *slot = Some(connection);
        }
        done.map_err(|error| classify(&error))
    }

    async fn connect(&self) -> Result<MySqlConnection, Failure> {
        let connect = async {
            let mut connection = connect(&self.options).await.map_err(|error| error.to_string())?;
            check(&mut connection).await.map(|()| connection)
        };
        match tokio::time::timeout(CONNECT_TIMEOUT, connect).await {
            Ok(connected) => connected.map_err(Failure::Away),
            Err(_) => Err(Failure::Away("the database does not answer".to_owned())),
        }
    }
}

impl Store for MySqlStore {
    fn write<'a>(&'a self, writes: &'a [Write]) -> BoxFuture<'a, Result<Vec<Outcome>, StoreError>> {
        until_certain(|in_doubt| self.write_once(writes, in_doubt)).boxed()
    }

    fn load<'a>(&'a self, gid: &'a str) -> BoxFuture<'a, Result<Option<Row>, StoreError>> {
        async move {
            let filter = Filter { gid: gid.to_owned(), limit: 1, ..Filter::default() };
            let row = read::list(&self.readers, &filter).await.map_err(unavailable)?.pop();
            // DTM's tables compare without regard to case and trailing spaces; a gid is what it is.
            match row {
                Some(row) if row.gid != gid => Err(StoreError::Data(format!("gid {gid} is taken by {}", row.gid))),
                row => Ok(row),
            }
        }
        .boxed()
    }

    fn take_due<'a>(&'a self, take: &'a Take) -> BoxFuture<'a, Result<Taken, StoreError>> {
        async move {
            let next_due = read::next_due(&self.readers).await.map_err(unavailable)?;
            if next_due.is_none_or(|wait| wait > Duration::ZERO) {
                return Ok(Taken { rows: Vec::new(), next_due: next_due.map(|wait| take.now.after(wait)) });
            }
            let taken =
                self.on_writer(async |connection| statements::take(connection, self.time_zone_s, take).await).await;
            // What was taken in doubt is taken up when the lease ends.
            let gids = taken.map_err(Failure::into_error)?;
            let rows = read::load_all(&self.readers, &gids).await.map_err(unavailable)?;
            let next_due = read::next_due(&self.readers).await.map_err(unavailable)?;
            Ok(Taken { rows, next_due: next_due.map(|wait| take.now.after(wait)) })
        }
        .boxed()
    }

    fn release_all(&self, _now: Time) -> BoxFuture<'_, Result<(), StoreError>> {
        // Others may be at work on what is held; their leases end by themselves.
        async { Ok(()) }.boxed()
    }

    fn list<'a>(&'a self, filter: &'a Filter) -> BoxFuture<'a, Result<Vec<Row>, StoreError>> {
        async move { read::list(&self.readers, filter).await.map_err(unavailable) }.boxed()
    }

    fn reset_due(&self, now: Time, later_than: Time, limit: u32) -> BoxFuture<'_, Result<ResetDue, StoreError>> {
        async move {
            let wait = now.until(later_than);
            let reset = self.on_writer(async |connection| statements::reset_due(connection, wait, limit).await).await;
            reset.map_err(Failure::into_error)
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
            let done = self.on_writer(async |connection| statements::kv_put(connection, put).await).await;
            done.map_err(Failure::into_error)
        }
        .boxed()
    }

    /// InnoDB shows a commit before its log is on disk, and logs are written in their order: so a write of our own, once it
    /// is durable, says that for what was before it.
    fn settle(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        async move { self.on_writer(statements::mark).await.map_err(Failure::into_error) }.boxed()
    }

    fn left_to_others(&self) -> BoxFuture<'_, Result<u64, StoreError>> {
        async move {
            let counted = self.on_writer(async |connection| read::unfinished(connection).await).await;
            let (others, _) = counted.map_err(Failure::into_error)?;
            Ok(u64::try_from(others).unwrap_or(0))
        }
        .boxed()
    }

    fn sweep<'a>(&'a self, sweep: &'a Sweep) -> BoxFuture<'a, Result<Option<i64>, StoreError>> {
        async move {
            let rows = read::by_id(&self.readers, sweep).await.map_err(unavailable)?;
            let (ids, last) = sweep.choose(&rows);
            if !ids.is_empty() {
                let removed = self.on_writer(async |connection| statements::remove(connection, &ids).await).await;
                removed.map_err(Failure::into_error)?;
            }
            Ok(last)
        }
        .boxed()
    }

    fn payload_bytes_max(&self) -> usize {
        PAYLOAD_BYTES_MAX
    }

    fn is_shared(&self) -> bool {
        true
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        async move {
            self.readers.close().await;
            if let Some(writer) = self.writer.lock().await.take()
                && let Err(error) = writer.close().await
            {
                tracing::debug!(%error, "the store was not closed in order");
            }
        }
        .boxed()
    }
}

/// A zone as MySQL names it.
fn time_zone(seconds_east: i32) -> String {
    let minutes = seconds_east.unsigned_abs() / 60;
    format!("{}{:02}:{:02}", if seconds_east < 0 { '-' } else { '+' }, minutes / 60, minutes % 60)
}

async fn connect(options: &MySqlConnectOptions) -> Result<MySqlConnection, sqlx::Error> {
    let mut connection = options.connect().await?;
    sqlx::raw_sql(SETTINGS).execute(&mut connection).await?;
    Ok(connection)
}

/// Whether this is a primary that keeps what it acknowledges.
async fn check(connection: &mut MySqlConnection) -> Result<(), String> {
    let (read_only, flush): (i64, i64) = sqlx::query_as(
        "SELECT CAST(@@global.read_only AS signed), CAST(@@global.innodb_flush_log_at_trx_commit AS signed)",
    )
    .fetch_one(connection)
    .await
    .map_err(|error| error.to_string())?;
    if read_only != 0 {
        return Err("it is read-only; the store needs the primary".to_owned());
    }
    if flush != 1 {
        // A server that somebody chose to run so, for tests say: said, and not refused.
        tracing::warn!(
            "the database runs with innodb_flush_log_at_trx_commit={flush}: what is acknowledged can be lost at a crash"
        );
    }
    Ok(())
}

/// Whether the time zone may be right: one that is too far west puts what was written just now into the future.
async fn check_times(connection: &mut MySqlConnection) -> Result<(), String> {
    let (_, future_s) = read::unfinished(connection).await.map_err(|error| error.to_string())?;
    if future_s <= FUTURE_S_MAX {
        return Ok(());
    }
    Err(format!(
        "a transaction was changed {future_s} seconds in the future: say in which time zone the DTM server wrote the times"
    ))
}

#[expect(clippy::needless_pass_by_value, reason = "used with map_err")]
fn unavailable(error: sqlx::Error) -> StoreError {
    StoreError::Unavailable(error.to_string())
}

/// What a failed statement says of its effect. The database's own errors come before the COMMIT: there is none.
fn classify(error: &sqlx::Error) -> Failure {
    let text = error.to_string();
    let number = match error {
        sqlx::Error::Database(database) => {
            database.try_downcast_ref::<sqlx::mysql::MySqlDatabaseError>().map(sqlx::mysql::MySqlDatabaseError::number)
        }
        sqlx::Error::Encode(_) => return Failure::Certain(StoreError::Data(text)),
        _ => return Failure::Doubt(text),
    };
    match number {
        // Lock wait timeout, deadlock.
        Some(1205 | 1213) => Failure::Again(StoreError::Unavailable(text)),
        // Duplicate key: another coordinator inserted it just now. Again and again: a gid that looks like another one, or a
        // branch that was left over.
        Some(1062) => Failure::Again(StoreError::Data(text)),
        // NULL, packet too large, value out of range, incorrect value, too long.
        Some(1048 | 1153 | 1264 | 1366 | 1406) => Failure::Certain(StoreError::Data(text)),
        _ => Failure::Certain(StoreError::Unavailable(text)),
    }
}
