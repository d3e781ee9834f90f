//! The store on PostgreSQL, in DTM's own tables: for several coordinators, and to take over a DTM server's database.
//!
//! The tables are those of the connection's `search_path`, or else those of the schema `dtm`; where there are none they are
//! created. Times of leases come from the database's clock.

mod batch;
mod columns;
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

/// How long an answer is waited for; longer than the database itself works on a statement.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(15);

/// What each connection is told. Without the index of gids a plan that was made while the table was small would scan
/// it when it is large; and nothing that is acknowledged may be only in memory.
const SETTINGS: [(&str, &str); 8] = [
    ("synchronous_commit", "on"),
    ("enable_seqscan", "off"),
    ("enable_hashjoin", "off"),
    ("enable_mergejoin", "off"),
    // The costs of what is switched off would make it compile every statement.
    ("jit", "off"),
    ("lock_timeout", "5s"),
    ("statement_timeout", "10s"),
    ("application_name", "branchwire"),
];

/// What is due, earliest first, whatever its status, and without looking at what has ended.
const INDEX_OF_DUE: &str = "CREATE INDEX IF NOT EXISTS trans_global_due ON trans_global (next_cron_time) \
    WHERE status IN ('prepared', 'aborting', 'submitted')";

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
        let mut options = options.options(SETTINGS).disable_statement_logging();
        let shown = format!("postgres://{}/{}", options.get_host(), options.get_database().unwrap_or_default());
        let error = |what: &str, error: &dyn std::fmt::Display| OpenError::new(&shown, format!("{what}: {error}"));
        let mut first = options.connect().await.map_err(|e| error("cannot be reached", &e))?;
        check(&mut first).await.map_err(|reason| OpenError::new(&shown, reason))?;
        if are_in_dtm(&mut first).await.map_err(|e| error("its tables cannot be looked for", &e))? {
            tracing::info!("the tables in the schema `dtm` are used");
            options = options.options([("search_path", "dtm")]);
            first = options.connect().await.map_err(|e| error("cannot be reached", &e))?;
        }
        create_tables(&mut first).await.map_err(|e| error("its tables cannot be created", &e))?;
        let readers = PgPoolOptions::new()
            .max_connections(READERS)
            .acquire_timeout(CONNECT_TIMEOUT)
            .connect_lazy_with(options.clone());
        // Without it each batch is planned anew, since a plan for any number of rows looks dearer than one for these few.
        let options = options.options([("plan_cache_mode", "force_generic_plan")]);
        if let Err(error) = first.close().await {
            tracing::debug!(%error, "a connection was not closed in order");
        }
        Ok(Self { options, writer: Mutex::new(None), readers })
    }

    async fn write_once(&self, writes: &[Write], in_doubt: bool) -> Result<Vec<Outcome>, Failure> {
        self.on_writer(async |connection| batch::execute(connection, writes, in_doubt).await).await
    }

    /// Does `work` on the writing connection, connecting anew if need be.
    async fn on_writer<T>(
        &self,
        work: impl AsyncFnOnce(&mut PgConnection) -> Result<T, sqlx::Error>,
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
        match &done {
            Ok(_) => *slot = Some(connection),
            // The connection of a server that ends is of no use.
            Err(sqlx::Error::Database(error)) if !goes_away(error.as_ref()) => *slot = Some(connection),
            Err(_) => {}
        }
        done.map_err(|error| classify(&error))
    }

    async fn connect(&self) -> Result<PgConnection, Failure> {
        let connect = async {
            let mut connection = self.options.connect().await.map_err(|error| error.to_string())?;
            check(&mut connection).await.map(|()| connection)
        };
        match tokio::time::timeout(CONNECT_TIMEOUT, connect).await {
            Ok(connected) => connected.map_err(Failure::Away),
            Err(_) => Err(Failure::Away("the database does not answer".to_owned())),
        }
    }
}

impl Store for PostgresStore {
    fn write<'a>(&'a self, writes: &'a [Write]) -> BoxFuture<'a, Result<Vec<Outcome>, StoreError>> {
        until_certain(|in_doubt| self.write_once(writes, in_doubt)).boxed()
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

    fn left_to_others(&self) -> BoxFuture<'_, Result<u64, StoreError>> {
        async move {
            let count = read::left_to_others(&self.readers).await.map_err(unavailable)?;
            Ok(u64::try_from(count).unwrap_or(0))
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

/// Whether a DTM server's tables are in its own schema, and none are on the search path.
async fn are_in_dtm(connection: &mut PgConnection) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar("SELECT to_regclass('trans_global') IS NULL AND to_regclass('dtm.trans_global') IS NOT NULL")
        .fetch_one(connection)
        .await
}

async fn create_tables(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    let (tables, index): (bool, bool) = sqlx::query_as(
        "SELECT to_regclass('trans_global') IS NOT NULL AND to_regclass('trans_branch_op') IS NOT NULL \
         AND to_regclass('kv') IS NOT NULL, to_regclass('trans_global_due') IS NOT NULL",
    )
    .fetch_one(&mut *connection)
    .await?;
    if !tables {
        create(connection, include_str!("schema.sql")).await?;
    }
    // Where the tables are a DTM server's we may have no right to create anything.
    if !index && let Err(error) = create(connection, INDEX_OF_DUE).await {
        tracing::warn!(%error, "there is no index of what is due: with very many transactions that are, it is found slowly");
    }
    Ok(())
}

/// One instance at a time: `IF NOT EXISTS` alone lets two of them collide.
async fn create(connection: &mut PgConnection, sql: &'static str) -> Result<(), sqlx::Error> {
    let mut transaction = connection.begin().await?;
    sqlx::raw_sql("SELECT pg_advisory_xact_lock(7310292951001); SET LOCAL statement_timeout = 0")
        .execute(&mut *transaction)
        .await?;
    sqlx::raw_sql(sql).execute(&mut *transaction).await?;
    transaction.commit().await
}

#[expect(clippy::needless_pass_by_value, reason = "used with map_err")]
fn unavailable(error: sqlx::Error) -> StoreError {
    StoreError::Unavailable(error.to_string())
}

/// Whether the server, or the session, is about to end.
fn goes_away(error: &dyn sqlx::error::DatabaseError) -> bool {
    error.code().is_some_and(|code| code.starts_with("57P") || code.starts_with("08"))
}

/// What a failed statement, which is a commit as well, says of its effect.
fn classify(error: &sqlx::Error) -> Failure {
    let text = error.to_string();
    match error {
        sqlx::Error::Encode(_) => Failure::Certain(StoreError::Data(text)),
        sqlx::Error::Database(database) => match database.code().as_deref() {
            // Serialization, deadlock, lock timeout, statement timeout.
            Some("40001" | "40P01" | "55P03" | "57014") => Failure::Again(StoreError::Unavailable(text)),
            // Bad data, integrity, limits of a row.
            Some(code) if code.starts_with("22") || code.starts_with("23") || code.starts_with("54") => {
                Failure::Certain(StoreError::Data(text))
            }
            // The server went away, which may have been while it committed.
            Some(_) if goes_away(database.as_ref()) => Failure::Doubt(text),
            _ => Failure::Certain(StoreError::Unavailable(text)),
        },
        _ => Failure::Doubt(text),
    }
}
