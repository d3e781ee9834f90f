//! The store on PostgreSQL, in DTM's own tables: for several coordinators, and for the database of a DTM server.
//!
//! The tables are those of the connection's `search_path`, or else those of the schema `dtm`; if there are none they
//! are created. Times of leases come from the database's clock.

mod batch;
mod columns;
mod connect;
mod error;
mod read;
mod schema;
mod statements;

use std::time::Duration;

use branchwire_protocol::LookAlike;
use sqlx::{Connection, PgConnection, PgPool};

use self::connect::Target;
use super::attempt::Failure;
use super::look_alike;
use super::server::{Dialect, ServerStore};
use super::{
    Filter, KvPut, KvRow, Leases, OURS, OpenError, ResetDue, Row, Store, Sweep, Take, Unfinished, Write, WriteOutcome,
};
use crate::engine::Time;

/// PostgreSQL.
#[derive(Debug)]
pub(super) struct Postgres {
    target: Target,
}

/// A PostgreSQL database as a store.
pub(super) type PostgresStore = ServerStore<Postgres>;

/// Connects to the database, at an address for each of its hosts, and creates missing tables.
///
/// # Errors
/// [`OpenError`] if it cannot be reached, used or written, is not PostgreSQL, or is behind a pooler that does not keep
/// sessions.
pub(super) async fn open(addresses: &[String]) -> Result<PostgresStore, OpenError> {
    let mut target = Target::parse(addresses)?;
    let shown = target.shown();
    let refused = |reason: String| OpenError::new(&shown, reason);
    let mut first = target.first(check_product).await.map_err(refused)?;
    target.check_sessions(&mut first).await.map_err(refused)?;
    let schema = schema::find(&mut first, target.names_search_path).await.map_err(refused)?;
    target.set_schema(&schema);
    target.prepare(&mut first).await.map_err(refused)?;
    schema::prepare(&mut first).await.map_err(refused)?;
    if let Err(error) = first.close().await {
        tracing::debug!(error = error::text(&error), "a connection was not closed in order");
    }
    let store = ServerStore::new(Postgres { target });
    store.probe().await.map_err(|error| refused(format!("it cannot be written: {error}")))?;
    Ok(store)
}

/// Checks that this is PostgreSQL, and warns of settings that let it lose acknowledged data.
async fn check_product(connection: &mut PgConnection, host: &str) -> Result<(), String> {
    let in_words = |error: sqlx::Error| connect::in_words(&error);
    let version = connect::text(connection, "SELECT version()").await.map_err(in_words)?;
    if let Some(other) = LookAlike::recognize(&[&version, host]) {
        return Err(look_alike::refusal(other));
    }
    if connect::text(connection, "SHOW fsync").await.map_err(in_words)? != "on" {
        // Only a warning: somebody chose to run the server this way, for tests for example.
        tracing::warn!("the database runs with fsync=off: acknowledged data can be lost when the machine crashes");
    }
    Ok(())
}

impl Dialect for Postgres {
    type Database = sqlx::Postgres;

    const PAYLOAD_BYTES_MAX: usize = usize::MAX;
    const SHOWS_EARLY: bool = false;

    async fn connect(&self) -> Result<PgConnection, String> {
        self.target.writer().await
    }

    fn readers(&self) -> PgPool {
        self.target.readers()
    }

    fn classify(error: &sqlx::Error) -> Failure {
        error::classify(error)
    }

    /// Each write is one statement, so it leaves no transaction open.
    async fn roll_back(_connection: &mut PgConnection) -> bool {
        true
    }

    async fn execute(
        &self,
        connection: &mut PgConnection,
        writes: &[Write],
        in_doubt: bool,
    ) -> Result<Vec<WriteOutcome>, sqlx::Error> {
        batch::execute(connection, writes, in_doubt).await
    }

    async fn take(&self, connection: &mut PgConnection, take: &Take) -> Result<Vec<String>, sqlx::Error> {
        statements::take(connection, take).await
    }

    async fn reset_due(
        connection: &mut PgConnection,
        later_than: Duration,
        limit: u32,
    ) -> Result<ResetDue, sqlx::Error> {
        statements::reset_due(connection, later_than, limit).await
    }

    async fn kv_put(connection: &mut PgConnection, put: &KvPut) -> Result<WriteOutcome, sqlx::Error> {
        statements::kv_put(connection, put).await
    }

    async fn mark(connection: &mut PgConnection, key: &str) -> Result<(), sqlx::Error> {
        statements::mark(connection, key).await
    }

    async fn remove(connection: &mut PgConnection, ids: &[i64]) -> Result<(), sqlx::Error> {
        statements::remove(connection, ids).await
    }

    async fn next_due(readers: &PgPool) -> Result<Option<Duration>, sqlx::Error> {
        read::next_due(readers).await
    }

    async fn list(readers: &PgPool, filter: &Filter) -> Result<Vec<Row>, sqlx::Error> {
        read::list(readers, filter, &OURS).await
    }

    async fn unfinished(readers: &PgPool, now: Time) -> Result<Vec<Unfinished>, sqlx::Error> {
        read::unfinished(readers, &OURS, now).await
    }

    async fn leases(readers: &PgPool, now: Time) -> Result<Vec<Leases>, sqlx::Error> {
        read::leases(readers, now).await
    }

    async fn load_all(readers: &PgPool, gids: &[String]) -> Result<Vec<Row>, sqlx::Error> {
        read::load_all(readers, gids).await
    }

    async fn kv_get(readers: &PgPool, cat: &str, k: &str) -> Result<Option<KvRow>, sqlx::Error> {
        read::kv_get(readers, cat, k).await
    }

    async fn kv_scan(readers: &PgPool, cat: &str, position: i64, limit: u32) -> Result<Vec<KvRow>, sqlx::Error> {
        read::kv_scan(readers, cat, position, limit).await
    }

    async fn by_id(readers: &PgPool, sweep: &Sweep) -> Result<Vec<(i64, i64, Option<i64>)>, sqlx::Error> {
        read::by_id(readers, sweep).await
    }

    async fn left_to_others(readers: &PgPool) -> Result<i64, sqlx::Error> {
        read::left_to_others(readers).await
    }
}
