//! The store on MySQL or MariaDB, in DTM's own tables: for several coordinators, and for the database of a DTM server.
//!
//! The tables are those of the address' database; they are created if they do not exist. Times of leases come from the
//! database's clock. `datetime` columns have no zone: an option sets it, by default UTC. A DTM server writes the local
//! time of its own process.

mod batch;
mod change;
mod connect;
mod error;
mod insert;
mod read;
mod schema;
mod script;
mod statements;
mod together;
mod transaction;

use std::time::Duration;

use branchwire_protocol::LookAlike;
use sqlx::{Connection, MySqlConnection, MySqlPool};

use self::connect::Target;
use super::attempt::Failure;
use super::look_alike;
use super::server::{Dialect, ServerStore};
use super::{
    Filter, KvPut, KvRow, Leases, OURS, OpenError, ResetDue, Row, Store, Sweep, Take, Unfinished, Write, WriteOutcome,
};
use crate::engine::Time;

/// MySQL and MariaDB.
#[derive(Debug)]
pub(super) struct MySql {
    target: Target,
    time_zone_s: i32,
}

/// A MySQL or MariaDB database as a store.
pub(super) type MySqlStore = ServerStore<MySql>;

/// Connects to the database, at an address for each of its hosts, and creates missing tables. `time_zone_s` is the zone
/// of their times, in seconds east of UTC.
///
/// # Errors
/// [`OpenError`] if it cannot be reached, used or written, or is another database than MySQL or MariaDB.
pub(super) async fn open(addresses: &[String], time_zone_s: i32) -> Result<MySqlStore, OpenError> {
    let target = Target::parse(addresses, time_zone_s)?;
    let shown = target.shown();
    let refused = |reason: String| OpenError::new(&shown, reason);
    let mut first = target.first(check_product).await.map_err(refused)?;
    schema::prepare(&mut first).await.map_err(|reason| refused(with_advice(reason)))?;
    if let Err(error) = first.close().await {
        tracing::debug!(%error, "a connection was not closed in order");
    }
    let store = ServerStore::new(MySql { target, time_zone_s });
    store.probe().await.map_err(|error| refused(with_advice(format!("it cannot be written: {error}"))))?;
    Ok(store)
}

/// Adds the setting that causes an error, if the error does not name it.
fn with_advice(reason: String) -> String {
    if !error::is_of_the_binlog(&reason) {
        return reason;
    }
    format!(
        "{reason}. It runs with `binlog_format=STATEMENT`, which cannot log what is written at READ COMMITTED: set \
         `binlog_format` to `ROW` or `MIXED`"
    )
}

/// Checks that this is MySQL or MariaDB, and warns of settings that let it lose acknowledged data.
async fn check_product(connection: &mut MySqlConnection, host: &str) -> Result<(), String> {
    let (version, comment): (String, String) = sqlx::query_as("SELECT @@version, @@version_comment")
        .persistent(false)
        .fetch_one(&mut *connection)
        .await
        .map_err(|error| error.to_string())?;
    if let Some(other) = LookAlike::recognize(&[&version, &comment, host]) {
        return Err(look_alike::refusal(other));
    }
    let flush: i64 = sqlx::query_scalar("SELECT CAST(@@global.innodb_flush_log_at_trx_commit AS signed)")
        .persistent(false)
        .fetch_one(connection)
        .await
        .map_err(|error| error.to_string())?;
    if flush != 1 {
        // Only a warning: somebody chose to run the server this way, for tests for example.
        tracing::warn!(
            "the database runs with innodb_flush_log_at_trx_commit={flush}: acknowledged data can be lost at a crash"
        );
    }
    Ok(())
}

impl Dialect for MySql {
    type Database = sqlx::MySql;

    /// The size of DTM's `blob` column.
    const PAYLOAD_BYTES_MAX: usize = 65_535;

    /// InnoDB shows a commit before its log is on disk.
    const SHOWS_EARLY: bool = true;

    async fn connect(&self) -> Result<MySqlConnection, String> {
        self.target.writer().await
    }

    fn readers(&self) -> MySqlPool {
        self.target.readers()
    }

    fn classify(error: &sqlx::Error) -> Failure {
        error::classify(error)
    }

    async fn roll_back(connection: &mut MySqlConnection) -> bool {
        sqlx::raw_sql("ROLLBACK").execute(connection).await.is_ok()
    }

    async fn execute(
        &self,
        connection: &mut MySqlConnection,
        writes: &[Write],
        in_doubt: bool,
    ) -> Result<Vec<WriteOutcome>, sqlx::Error> {
        batch::execute(connection, self.time_zone_s, writes, in_doubt).await
    }

    async fn take(&self, connection: &mut MySqlConnection, take: &Take) -> Result<Vec<String>, sqlx::Error> {
        statements::take(connection, self.time_zone_s, take).await
    }

    async fn reset_due(
        connection: &mut MySqlConnection,
        later_than: Duration,
        limit: u32,
    ) -> Result<ResetDue, sqlx::Error> {
        statements::reset_due(connection, later_than, limit).await
    }

    async fn kv_put(connection: &mut MySqlConnection, put: &KvPut) -> Result<WriteOutcome, sqlx::Error> {
        statements::kv_put(connection, put).await
    }

    async fn mark(connection: &mut MySqlConnection, key: &str) -> Result<(), sqlx::Error> {
        statements::mark(connection, key).await
    }

    async fn remove(connection: &mut MySqlConnection, ids: &[i64]) -> Result<(), sqlx::Error> {
        statements::remove(connection, ids).await
    }

    async fn next_due(readers: &MySqlPool) -> Result<Option<Duration>, sqlx::Error> {
        read::next_due(readers).await
    }

    async fn list(readers: &MySqlPool, filter: &Filter) -> Result<Vec<Row>, sqlx::Error> {
        read::list(readers, filter, &OURS).await
    }

    async fn unfinished(readers: &MySqlPool, now: Time) -> Result<Vec<Unfinished>, sqlx::Error> {
        read::unfinished(readers, &OURS, now).await
    }

    async fn leases(readers: &MySqlPool, now: Time) -> Result<Vec<Leases>, sqlx::Error> {
        read::leases(readers, now).await
    }

    async fn load_all(readers: &MySqlPool, gids: &[String]) -> Result<Vec<Row>, sqlx::Error> {
        read::load_all(readers, gids).await
    }

    async fn kv_get(readers: &MySqlPool, cat: &str, k: &str) -> Result<Option<KvRow>, sqlx::Error> {
        read::kv_get(readers, cat, k).await
    }

    async fn kv_scan(readers: &MySqlPool, cat: &str, position: i64, limit: u32) -> Result<Vec<KvRow>, sqlx::Error> {
        read::kv_scan(readers, cat, position, limit).await
    }

    async fn by_id(readers: &MySqlPool, sweep: &Sweep) -> Result<Vec<(i64, i64, Option<i64>)>, sqlx::Error> {
        read::by_id(readers, sweep).await
    }

    async fn left_to_others(readers: &MySqlPool) -> Result<i64, sqlx::Error> {
        read::left_to_others(readers).await
    }
}
