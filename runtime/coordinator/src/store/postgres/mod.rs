//! The store on PostgreSQL, in DTM's own tables: for several coordinators, and to take over a DTM server's database.
//!
//! The tables are those of the connection's `search_path`; they are created if they are not there. Times of leases come
//! from the database's clock.

mod read;
mod statements;

use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{ConnectOptions, Connection, PgConnection, PgPool};
use tokio::sync::Mutex;

use super::attempt::{Failure, until_certain};
use super::{Filter, KvPut, KvRow, OpenError, Outcome, ResetDue, Row, Store, StoreError, Sweep, Take, Taken, Write};
use crate::engine::Time;

/// How many connections read at once.
const READERS: u32 = 8;

/// How long a connection is waited for.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// What each connection is told. Without the index of gids a plan that was made while the table was small would scan
/// it when it is large; and nothing that is acknowledged may be only in memory.
const SETTINGS: [(&str, &str); 5] = [
    ("synchronous_commit", "on"),
    ("enable_seqscan", "off"),
    ("enable_hashjoin", "off"),
    ("enable_mergejoin", "off"),
    ("application_name", "branchwire"),
];

/// A PostgreSQL database as a store.
#[derive(Debug)]
pub struct PostgresStore {
    options: PgConnectOptions,
    /// The one connection that writes; none after an error that leaves its state in doubt.
    writer: Mutex<Option<PgConnection>>,
    readers: PgPool,
}

impl PostgresStore {
    /// Connects to the database at `address`, and creates the tables that are not there.
    ///
    /// # Errors
    /// [`OpenError`] if it cannot be reached or used, is a replica, or does not keep its promise of durability.
    pub async fn open(address: &str) -> Result<Self, OpenError> {
        let options: PgConnectOptions =
            address.parse().map_err(|e: sqlx::Error| OpenError::new(&"postgres", e.to_string()))?;
        let options = options.options(SETTINGS).disable_statement_logging();
        let shown = format!("postgres://{}/{}", options.get_host(), options.get_database().unwrap_or_default());
        let error = |what: &str, error: &dyn std::fmt::Display| OpenError::new(&shown, format!("{what}: {error}"));
        let mut writer = options.connect().await.map_err(|e| error("cannot be reached", &e))?;
        check(&mut writer).await.map_err(|reason| OpenError::new(&shown, reason))?;
        create_tables(&mut writer).await.map_err(|e| error("its tables cannot be created", &e))?;
        let readers = PgPoolOptions::new()
            .max_connections(READERS)
            .acquire_timeout(CONNECT_TIMEOUT)
            .connect_lazy_with(options.clone());
        Ok(Self { options, writer: Mutex::new(Some(writer)), readers })
    }

    async fn write_once(&self, writes: &[Write]) -> Result<Vec<Outcome>, Failure> {
        self.on_writer(async |connection| statements::execute(connection, writes).await).await
    }

    /// Does `work` on the writing connection, connecting anew if need be.
    async fn on_writer<T>(
        &self,
        work: impl AsyncFnOnce(&mut PgConnection) -> Result<T, sqlx::Error>,
    ) -> Result<T, Failure> {
        let mut slot = self.writer.lock().await;
        if slot.is_none() {
            let connect = tokio::time::timeout(CONNECT_TIMEOUT, self.options.connect());
            let mut connection = connect
                .await
                .map_err(|_| Failure::Certain(StoreError::Unavailable("the database does not answer".to_owned())))?
                .map_err(|error| Failure::Certain(unavailable(error)))?;
            check(&mut connection).await.map_err(|text| Failure::Certain(StoreError::Unavailable(text)))?;
            *slot = Some(connection);
        }
        let Some(connection) = slot.as_mut() else {
            return Err(Failure::Certain(StoreError::Unavailable("no connection".to_owned())));
        };
        // Cancelled or not, a connection with a statement under way is not used again.
        match work(connection).await {
            Ok(done) => Ok(done),
            Err(error) => {
                let failure = classify(&error);
                if !matches!(error, sqlx::Error::Database(_)) || connection.ping().await.is_err() {
                    *slot = None;
                }
                Err(failure)
            }
        }
    }
}

impl Store for PostgresStore {
    fn write<'a>(&'a self, writes: &'a [Write]) -> BoxFuture<'a, Result<Vec<Outcome>, StoreError>> {
        until_certain(|| self.write_once(writes)).boxed()
    }

    fn load<'a>(&'a self, gid: &'a str) -> BoxFuture<'a, Result<Option<Row>, StoreError>> {
        async move {
            let filter = Filter { gid: gid.to_owned(), limit: 1, ..Filter::default() };
            Ok(read::list(&self.readers, &filter).await.map_err(unavailable)?.pop())
        }
        .boxed()
    }

    fn take_due<'a>(&'a self, take: &'a Take) -> BoxFuture<'a, Result<Taken, StoreError>> {
        async move {
            let next_due = read::next_due(&self.readers).await.map_err(unavailable)?;
            if next_due.is_none_or(|wait| wait > Duration::ZERO) {
                return Ok(Taken { rows: Vec::new(), next_due: next_due.map(|wait| take.now.after(wait)) });
            }
            let taken = self.on_writer(async |connection| statements::take(connection, take).await).await;
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

/// Whether this is a primary that keeps what it acknowledges.
async fn check(connection: &mut PgConnection) -> Result<(), String> {
    let (replica, fsync): (bool, String) = sqlx::query_as("SELECT pg_is_in_recovery(), current_setting('fsync')")
        .fetch_one(connection)
        .await
        .map_err(|error| error.to_string())?;
    if replica {
        return Err("it is a replica; the store needs the primary".to_owned());
    }
    if fsync != "on" {
        // A server that somebody chose to run so, for tests say: said, and not refused.
        tracing::warn!("the database runs with fsync=off: what is acknowledged can be lost at a crash of the machine");
    }
    Ok(())
}

/// One instance at a time: `IF NOT EXISTS` alone lets two of them collide.
async fn create_tables(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    let exist: bool = sqlx::query_scalar(
        "SELECT to_regclass('trans_global') IS NOT NULL AND to_regclass('trans_branch_op') IS NOT NULL \
         AND to_regclass('kv') IS NOT NULL",
    )
    .fetch_one(&mut *connection)
    .await?;
    if exist {
        // They may be a DTM server's, where we have no right to create anything.
        return Ok(());
    }
    let mut transaction = connection.begin().await?;
    sqlx::raw_sql("SELECT pg_advisory_xact_lock(7310292951001)").execute(&mut *transaction).await?;
    sqlx::raw_sql(include_str!("schema.sql")).execute(&mut *transaction).await?;
    transaction.commit().await
}

#[expect(clippy::needless_pass_by_value, reason = "used with map_err")]
fn unavailable(error: sqlx::Error) -> StoreError {
    StoreError::Unavailable(error.to_string())
}

/// What a failed statement, which is a commit as well, says of its effect.
fn classify(error: &sqlx::Error) -> Failure {
    let text = error.to_string();
    match error {
        sqlx::Error::Encode(_) => Failure::Certain(StoreError::Data(text)),
        sqlx::Error::Database(database) => match database.code().as_deref() {
            Some("40001" | "40P01" | "55P03") => Failure::Again(text),
            // Bad data, integrity, limits of a row.
            Some(code) if code.starts_with("22") || code.starts_with("23") || code.starts_with("54") => {
                Failure::Certain(StoreError::Data(text))
            }
            // The server went away, which may have been while it committed.
            Some(code) if code.starts_with("57P") || code.starts_with("08") => Failure::Doubt(text),
            _ => Failure::Certain(StoreError::Unavailable(text)),
        },
        _ => Failure::Doubt(text),
    }
}
