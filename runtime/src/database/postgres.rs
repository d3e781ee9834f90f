//! PostgreSQL.

use sqlx::error::DatabaseError;
use sqlx::{Executor, PgConnection, Pool, Postgres};

use super::driver::{Driver, Isolation, Wait, WeakSetting};
use super::fault::Fault;
use super::statement::{Feature, Reading, Syntax};

impl Driver for Postgres {
    type Queue = ();

    async fn queue(_: &Pool<Self>) {}

    fn begin(isolation: Isolation, wait: Wait) -> &'static str {
        match (wait, isolation) {
            (Wait::Default, Isolation::ReadCommitted) => "BEGIN ISOLATION LEVEL READ COMMITTED",
            (Wait::Default, Isolation::RepeatableRead) => "BEGIN ISOLATION LEVEL REPEATABLE READ",
            (Wait::Default, Isolation::Serializable) => "BEGIN ISOLATION LEVEL SERIALIZABLE",
            (Wait::Bounded, _) => "BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL lock_timeout = '700ms'",
        }
    }

    /// After a failed statement a lone COMMIT rolls back and reports no error. So a statement goes before it: SAVEPOINT
    /// is error 25P02 after a failed statement, and 25P01 if no transaction is open any more. A savepoint in which
    /// nothing is written costs least; one around the business would take a transaction id of its own.
    fn commit(_: Wait) -> &'static str {
        "SAVEPOINT bw; COMMIT"
    }

    fn rollback(_: Wait) -> &'static str {
        "ROLLBACK"
    }

    async fn run(conn: &mut PgConnection, sql: &'static str) -> Result<(), sqlx::Error> {
        // sqlx sends a text without arguments as a simple query: several statements, one round trip.
        conn.execute(sql).await.map(drop)
    }

    fn fault(error: &(dyn DatabaseError + 'static)) -> Fault {
        match error.code().as_deref() {
            // serialization_failure, deadlock_detected, lock_not_available
            Some("40001" | "40P01" | "55P03") => Fault::Conflict,
            // connection exceptions, admin_shutdown, crash_shutdown, cannot_connect_now, statement_completion_unknown
            Some(code) if code.starts_with("08") || matches!(code, "57P01" | "57P02" | "57P03" | "40003") => {
                Fault::Lost
            }
            _ => Fault::Statement,
        }
    }

    fn commit_was_refused(error: &(dyn DatabaseError + 'static)) -> bool {
        // 25P01, no_active_sql_transaction: the transaction that was begun may have been committed by someone else.
        Self::fault(error) != Fault::Lost && error.code().as_deref() != Some("25P01")
    }

    fn is_missing_table(error: &(dyn DatabaseError + 'static)) -> bool {
        // undefined_table, invalid_schema_name
        matches!(error.code().as_deref(), Some("42P01" | "3F000"))
    }

    fn is_missing_right(error: &(dyn DatabaseError + 'static)) -> bool {
        // insufficient_privilege, read_only_sql_transaction
        matches!(error.code().as_deref(), Some("42501" | "25006"))
    }

    async fn settings(pool: &Pool<Self>) -> Result<Vec<WeakSetting>, sqlx::Error> {
        let mut conn = pool.acquire().await?;
        let mut weak = Vec::new();
        for (setting, advice) in [
            (
                "synchronous_commit",
                "set it to `on` (or `remote_apply`) for this user: below it an acknowledged commit can be lost",
            ),
            ("fsync", "set it to `on`: without it an acknowledged commit can be lost"),
        ] {
            let value: String =
                sqlx::query_scalar("SELECT current_setting($1)").bind(setting).fetch_one(&mut *conn).await?;
            if !matches!(value.as_str(), "on" | "remote_write" | "remote_apply" | "local") {
                weak.push(WeakSetting::new(setting, value, advice));
            }
        }
        let standby: bool = sqlx::query_scalar("SELECT pg_is_in_recovery()").fetch_one(&mut *conn).await?;
        if standby {
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
        features: &[
            Feature::EscapeStrings,
            Feature::DollarQuotes,
            Feature::NestedComments,
            Feature::CarriageReturnEndsLine,
        ],
    };
}
