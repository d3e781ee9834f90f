//! PostgreSQL.

use std::sync::{Arc, Mutex, PoisonError, Weak};

use sqlx::error::DatabaseError;
use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Executor, PgConnection, Pool, Postgres, Row};

use super::driver::{Driver, Isolation, READ_ONLY, Wait, WeakSetting};
use super::fault::Fault;
use super::statement::{Feature, Reading, Syntax};
use crate::protocol::{Gid, LookAlike};

/// The advice for a pooler in transaction mode.
const POOLED: &str = "a pooler between this service and PostgreSQL gives each transaction another session, where \
     prepared statements get lost: open the pool with `statement_cache_capacity(0)`, or set the pooler to session mode";

/// How often two connections are watched for a shared session: a pooler whose other users are busy gives them different
/// ones by chance.
const PROBES: usize = 4;

/// Whether the connections with these options keep prepared statements: asked for each transaction, and slow to find out.
static CACHES: Mutex<Vec<(Weak<PgConnectOptions>, bool)>> = Mutex::new(Vec::new());

impl Driver for Postgres {
    type Queue = ();

    fn caches_statements(pool: &Pool<Self>) -> bool {
        let options = pool.connect_options();
        let mut known = CACHES.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, caches)) = known.iter().find(|(known, _)| std::ptr::eq(known.as_ptr(), &raw const *options)) {
            return *caches;
        }
        // sqlx tells the capacity only as a part of the options' address.
        let caches = !options
            .to_url_lossy()
            .query_pairs()
            .any(|(name, value)| name == "statement-cache-capacity" && value == "0");
        known.retain(|(known, _)| known.strong_count() > 0);
        known.push((Arc::downgrade(&options), caches));
        caches
    }

    async fn lost_statements(
        first: &mut PgConnection,
        second: &mut PgConnection,
    ) -> Result<Option<(&'static str, sqlx::Error)>, sqlx::Error> {
        // A text of its own: a statement that an earlier probe has left in another session must not be taken for this one.
        let mark = Gid::random().to_string();
        let ask = || sqlx::query_as::<_, (i32, String)>(AssertSqlSafe(format!("SELECT pg_backend_pid(), '{mark}'")));
        for _ in 0..PROBES {
            let (session, _) = ask().fetch_one(&mut *first).await?;
            let mut tx = second.begin().await?;
            let held: i32 = sqlx::raw_sql("SELECT pg_backend_pid()").fetch_one(&mut *tx).await?.try_get(0)?;
            if held == session {
                // A pooler: the second connection holds the session that has the first one's statement.
                let lost = match ask().fetch_one(&mut *first).await {
                    Ok((_, found)) if found == mark => None,
                    Ok(_) => Some(sqlx::Error::Protocol("another connection's statement was run".into())),
                    Err(error) => Some(error),
                };
                return Ok(lost.map(|error| (POOLED, error)));
            }
            tx.rollback().await?;
        }
        Ok(None)
    }

    async fn queue(_: &Pool<Self>) {}

    fn begin(isolation: Isolation, wait: Wait) -> &'static str {
        match (wait, isolation) {
            (Wait::Default, Isolation::ReadCommitted) => "BEGIN ISOLATION LEVEL READ COMMITTED",
            (Wait::Default, Isolation::RepeatableRead) => "BEGIN ISOLATION LEVEL REPEATABLE READ",
            (Wait::Default, Isolation::Serializable) => "BEGIN ISOLATION LEVEL SERIALIZABLE",
            (Wait::Bounded, _) => {
                "BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL lock_timeout = '700ms'; SET LOCAL statement_timeout = '900ms'"
            }
        }
    }

    /// After a failed statement a lone COMMIT rolls back and reports no error. So a statement goes before it: SAVEPOINT
    /// is error 25P02 after a failed statement, and 25P01 if no transaction is open any more. A savepoint in which
    /// nothing is written costs least; one around the business would take a transaction id of its own.
    fn commit(_: Wait) -> &'static str {
        "SAVEPOINT bw; COMMIT"
    }

    /// A lone ROLLBACK is no error if no transaction is open. After a failed statement nothing else is allowed, though; and a
    /// procedure cannot end a transaction that the client has begun.
    fn rollback(_: Wait, fault: Option<Fault>) -> &'static str {
        if fault.is_some() { "ROLLBACK" } else { "SAVEPOINT bw; ROLLBACK" }
    }

    fn reset(_: Wait) -> &'static str {
        "ROLLBACK"
    }

    async fn run(conn: &mut PgConnection, sql: &'static str) -> Result<(), sqlx::Error> {
        // sqlx sends a text without arguments as a simple query: several statements, one round trip.
        conn.execute(sql).await.map(drop)
    }

    fn fault(error: &(dyn DatabaseError + 'static)) -> Fault {
        match error.code().as_deref() {
            // serialization_failure, deadlock_detected, lock_not_available, query_canceled (a timeout)
            Some("40001" | "40P01" | "55P03" | "57014") => Fault::Conflict,
            // statement_completion_unknown, read_only_sql_transaction (a primary that was demoted)
            Some("40003" | "25006") => Fault::Lost,
            // connection exception, insufficient resources, operator intervention (a shutdown), system error, configuration
            // file error, internal error
            Some(code) if ["08", "53", "57", "58", "F0", "XX"].iter().any(|class| code.starts_with(class)) => {
                Fault::Lost
            }
            _ => Fault::Statement,
        }
    }

    fn has_closed(error: &(dyn DatabaseError + 'static)) -> bool {
        // admin_shutdown, crash_shutdown, idle_session_timeout, connection exception
        error.code().is_some_and(|code| matches!(&*code, "57P01" | "57P02" | "57P05") || code.starts_with("08"))
    }

    fn has_ended(error: &(dyn DatabaseError + 'static)) -> bool {
        // no_active_sql_transaction
        error.code().as_deref() == Some("25P01")
    }

    fn may_roll_back_by_itself(_: Option<Fault>) -> bool {
        false
    }

    /// The errors that PostgreSQL reports before it writes the commit record. Deferred constraints and their triggers run at
    /// the commit, and raise these classes of errors.
    fn commit_was_refused(error: &(dyn DatabaseError + 'static)) -> bool {
        match error.code().as_deref() {
            // in_failed_sql_transaction, serialization_failure, transaction_integrity_constraint_violation,
            // deadlock_detected
            Some("25P02" | "40001" | "40002" | "40P01") => true,
            // data exception, integrity constraint violation, with check option violation, PL/pgSQL error (a trigger's RAISE)
            Some(code) => ["22", "23", "44", "P0"].iter().any(|class| code.starts_with(class)),
            None => false,
        }
    }

    fn unfit(error: &(dyn DatabaseError + 'static)) -> Option<&'static str> {
        match error.code().as_deref() {
            // duplicate_prepared_statement, invalid_sql_statement_name
            Some("42P05" | "26000") => Some(POOLED),
            // read_only_sql_transaction
            Some("25006") => Some(READ_ONLY),
            _ => None,
        }
    }

    fn is_missing_table(error: &(dyn DatabaseError + 'static)) -> bool {
        // undefined_table, invalid_schema_name
        matches!(error.code().as_deref(), Some("42P01" | "3F000"))
    }

    fn is_missing_right(error: &(dyn DatabaseError + 'static)) -> bool {
        // insufficient_privilege
        error.code().as_deref() == Some("42501")
    }

    async fn look_alike(pool: &Pool<Self>) -> Result<Option<LookAlike>, sqlx::Error> {
        // As one plain query, which every pooler passes on whole.
        let row = sqlx::raw_sql("SELECT version()").fetch_one(pool).await?;
        let version: String = row.try_get(0)?;
        Ok(LookAlike::recognize(&[&version, pool.connect_options().get_host()]))
    }

    async fn settings(pool: &Pool<Self>) -> Result<Vec<WeakSetting>, sqlx::Error> {
        let mut conn = pool.acquire().await?;
        // As one plain query, which every pooler passes on whole.
        let row = sqlx::raw_sql(
            "SELECT current_setting('synchronous_commit'), current_setting('fsync'), pg_is_in_recovery()",
        )
        .fetch_one(&mut *conn)
        .await?;
        let mut weak = Vec::new();
        let synchronous_commit: String = row.try_get(0)?;
        if synchronous_commit == "off" {
            weak.push(WeakSetting::new(
                "synchronous_commit",
                synchronous_commit,
                "set it to `on` (or `remote_apply`) for this user: below it an acknowledged commit can be lost",
            ));
        }
        let fsync: String = row.try_get(1)?;
        if fsync != "on" {
            weak.push(WeakSetting::new(
                "fsync",
                fsync,
                "set it to `on`: without it an acknowledged commit can be lost",
            ));
        }
        if row.try_get(2)? {
            weak.push(WeakSetting::new(
                "pg_is_in_recovery",
                "true",
                "this is a replica: connect the pool to the primary",
            ));
        }
        Ok(weak)
    }

    /// DDL is transactional in PostgreSQL. It is refused nevertheless: a branch is repeated, and one that changes the
    /// schema would fail at its second run. Temporary tables are allowed, and so are `LOCK TABLE` and `TRUNCATE`.
    const SYNTAX: Syntax = Syntax {
        refused: &[
            // They begin or end a transaction, or a part of one.
            "abort",
            "begin",
            "commit",
            "end",
            "release",
            "rollback",
            "savepoint",
            "start",
            // DDL.
            "alter",
            "create",
            "drop",
            "grant",
            "revoke",
        ],
        // `standard_conforming_strings` decides, and each session can set it.
        readings: &[Reading::NO_ESCAPES, Reading::IN_SINGLE_QUOTES],
        temporary_schema: Some("pg_temp"),
        features: &[
            Feature::EscapeStrings,
            Feature::DollarQuotes,
            Feature::NestedComments,
            Feature::CarriageReturnEndsLine,
        ],
    };
}
