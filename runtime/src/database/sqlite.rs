//! SQLite.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, LazyLock, Mutex, PoisonError, Weak};

use sqlx::error::DatabaseError;
use sqlx::{AssertSqlSafe, Executor, Pool, Sqlite, SqliteConnection};
use tokio::sync::OwnedMutexGuard;

use super::driver::{Driver, Isolation, Wait, WeakSetting};
use super::fault::Fault;
use super::statement::{Feature, Reading, Syntax};

/// The queues in front of the files that are in use, by path.
static QUEUES: LazyLock<Mutex<HashMap<PathBuf, Weak<tokio::sync::Mutex<()>>>>> = LazyLock::new(Mutex::default);

/// The settings with which a connection keeps what it acknowledges.
#[cfg(not(target_vendor = "apple"))]
const DURABLE: [(&str, &str); 2] = [("journal_mode", "WAL"), ("synchronous", "FULL")];
#[cfg(target_vendor = "apple")]
const DURABLE: [(&str, &str); 3] = [("journal_mode", "WAL"), ("synchronous", "FULL"), ("fullfsync", "1")];

/// The level of `synchronous` that is called FULL.
const FULL: i64 = 2;

/// How a transaction begins. IMMEDIATE, since a deferred transaction that reads first gets BUSY when it writes.
///
/// A macro, so that others can make one text of it and their own first statement.
macro_rules! begin {
    () => {
        "BEGIN IMMEDIATE"
    };
}
pub(crate) use begin;

impl Driver for Sqlite {
    type Queue = OwnedMutexGuard<()>;

    /// A file has one writer at a time. SQLite lets other writers poll at growing intervals, in no order. So the writers
    /// of this process wait in a fair queue of their own first.
    async fn queue(pool: &Pool<Self>) -> Self::Queue {
        let path = pool.connect_options().get_filename().to_owned();
        let queue = {
            let mut queues = QUEUES.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(queue) = queues.get(&path).and_then(Weak::upgrade) {
                queue
            } else {
                queues.retain(|_, queue| queue.strong_count() > 0);
                let queue = Arc::default();
                queues.insert(path, Arc::downgrade(&queue));
                queue
            }
        };
        queue.lock_owned().await
    }

    fn begin(_: Isolation, _: Wait) -> &'static str {
        begin!()
    }

    /// COMMIT is an error if no transaction is open any more. No savepoint: SQLite would copy each page that is written.
    fn commit(_: Wait) -> &'static str {
        "COMMIT"
    }

    /// ROLLBACK is an error if no transaction is open any more.
    fn rollback(_: Wait, _: Option<Fault>) -> &'static str {
        "ROLLBACK"
    }

    fn reset(_: Wait) -> &'static str {
        "ROLLBACK"
    }

    async fn run(conn: &mut SqliteConnection, sql: &'static str) -> Result<(), sqlx::Error> {
        // As a query, although it has no arguments: sqlx caches the prepared statement of a query, but not of a plain text.
        sqlx::query(sql).execute(conn).await.map(drop)
    }

    fn fault(error: &(dyn DatabaseError + 'static)) -> Fault {
        match primary_code(error) {
            // SQLITE_BUSY, SQLITE_LOCKED
            5 | 6 => Fault::Conflict,
            // SQLITE_READONLY (the file was replaced), SQLITE_IOERR, SQLITE_FULL, SQLITE_CANTOPEN
            8 | 10 | 13 | 14 => Fault::Lost,
            _ => Fault::Statement,
        }
    }

    fn has_ended(error: &(dyn DatabaseError + 'static)) -> bool {
        // SQLITE_ERROR: SQLite has no code of its own for this.
        primary_code(error) == 1 && error.message().ends_with("no transaction is active")
    }

    /// At a full disk, an input or output error, or too little memory.
    fn may_roll_back_by_itself(fault: Option<Fault>) -> bool {
        fault.is_some()
    }

    fn unfit(error: &(dyn DatabaseError + 'static)) -> Option<&'static str> {
        // SQLITE_READONLY
        (primary_code(error) == 8).then_some(
            "the database is read-only: check the rights on the file and on its folder, and open the pool without `read_only` \
             and without `immutable`",
        )
    }

    fn commit_was_refused(error: &(dyn DatabaseError + 'static)) -> bool {
        // SQLITE_BUSY, SQLITE_FULL, SQLITE_CONSTRAINT (a deferred foreign key)
        matches!(primary_code(error), 5 | 13 | 19)
    }

    fn is_missing_table(error: &(dyn DatabaseError + 'static)) -> bool {
        // SQLite has no code of its own for this.
        error.message().starts_with("no such table")
    }

    fn is_missing_right(error: &(dyn DatabaseError + 'static)) -> bool {
        // SQLITE_PERM, SQLITE_READONLY, SQLITE_CANTOPEN, SQLITE_AUTH
        matches!(primary_code(error), 3 | 8 | 14 | 23)
    }

    /// Most of these settings belong to a connection. So the pool opens its next connections with them, and each
    /// connection that it has now gets them here.
    async fn settings(pool: &Pool<Self>) -> Result<Vec<WeakSetting>, sqlx::Error> {
        // Two calls at once would wait for each other's connections.
        static ONE_AT_A_TIME: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());
        let _alone = ONE_AT_A_TIME.lock().await;

        let options = pool.connect_options().as_ref().clone();
        pool.set_connect_options(DURABLE.iter().fold(options, |options, &(name, value)| options.pragma(name, value)));
        let mut weak = Vec::new();
        let mut held = vec![pool.acquire().await?];
        while held.len() < usize::try_from(pool.size()).expect("few connections") {
            match pool.acquire().await {
                Err(sqlx::Error::PoolTimedOut) => {
                    weak.push(WeakSetting::new(
                        "synchronous",
                        "not set in the connections that are in use",
                        "set up the database before its pool is in use, or open it with `SqliteSynchronous::Full`",
                    ));
                    break;
                }
                conn => held.push(conn?),
            }
        }
        // The pool's `after_connect` runs after the settings of a new connection.
        let is_in_memory = pool.connect_options().get_filename() == std::path::Path::new(":memory:");
        if pool.size() < pool.options().get_max_connections() && !is_in_memory {
            let mut new = pool.acquire().await?;
            let level: i64 = sqlx::query_scalar("PRAGMA synchronous").fetch_one(&mut *new).await?;
            if level < FULL {
                weak.push(WeakSetting::new(
                    "synchronous",
                    format!("{level} in a new connection"),
                    "let the pool's `after_connect` leave it at FULL; below it a power cut can lose an acknowledged commit",
                ));
            }
            held.push(new);
        }
        for conn in &mut held {
            for (name, value) in DURABLE {
                conn.execute(AssertSqlSafe(format!("PRAGMA {name} = {value}"))).await?;
            }
        }
        let conn = held[0].as_mut();
        let mode: String = sqlx::query_scalar("PRAGMA journal_mode").fetch_one(&mut *conn).await?;
        let level: i64 = sqlx::query_scalar("PRAGMA synchronous").fetch_one(&mut *conn).await?;

        if mode.eq_ignore_ascii_case("memory") && pool.options().get_min_connections() == 0 {
            let options = pool.options();
            let limits = [("idle_timeout", options.get_idle_timeout()), ("max_lifetime", options.get_max_lifetime())];
            for (name, limit) in limits.into_iter().filter_map(|(name, limit)| Some((name, limit?))) {
                weak.push(WeakSetting::new(
                    name,
                    format!("{limit:?}"),
                    "a database in memory ends with its last connection: open the pool with `None` for this",
                ));
            }
        }
        if !mode.eq_ignore_ascii_case("wal") {
            weak.push(WeakSetting::new(
                "journal_mode",
                mode,
                "WAL could not be set; use a file on a local disk (an in-memory database forgets what it acknowledged)",
            ));
        }
        if level < FULL {
            weak.push(WeakSetting::new(
                "synchronous",
                level.to_string(),
                "FULL could not be set; below it a power cut can lose an acknowledged commit",
            ));
        }
        Ok(weak)
    }

    /// DDL is transactional in SQLite. It is refused nevertheless: a branch is repeated, and one that changes the schema
    /// would fail at its second run. Temporary tables are allowed.
    const SYNTAX: Syntax = Syntax {
        refused: &[
            // They begin or end a transaction, or a part of one.
            "begin",
            "commit",
            "end",
            "release",
            "rollback",
            "savepoint",
            // SQLite refuses these within a transaction, or ignores them there.
            "attach",
            "detach",
            "pragma",
            "vacuum",
            // DDL.
            "alter",
            "create",
            "drop",
            "reindex",
        ],
        readings: &[Reading::NO_ESCAPES],
        temporary_schema: Some("temp"),
        features: &[Feature::BacktickNames, Feature::BracketNames],
    };
}

/// The code without its extension; 0 if there is none.
fn primary_code(error: &(dyn DatabaseError + 'static)) -> i32 {
    error.code().and_then(|code| code.parse::<i32>().ok()).unwrap_or(0) & 0xff
}
