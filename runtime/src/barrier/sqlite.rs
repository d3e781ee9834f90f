//! The barrier on SQLite.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, LazyLock, Mutex, PoisonError, Weak};

use futures_util::TryStreamExt;
use sqlx::error::DatabaseError;
use sqlx::{AssertSqlSafe, Executor, Pool, Sqlite, SqliteConnection};
use tokio::sync::OwnedMutexGuard;

use super::{BarrierRow, Dialect, Wait, WeakSetting};
use crate::{Fault, Isolation};

/// The queues in front of the files that are in use, by path.
static QUEUES: LazyLock<Mutex<HashMap<PathBuf, Weak<tokio::sync::Mutex<()>>>>> = LazyLock::new(Mutex::default);

/// What makes a connection keep what it acknowledges.
#[cfg(not(target_vendor = "apple"))]
const DURABLE: [(&str, &str); 2] = [("journal_mode", "WAL"), ("synchronous", "FULL")];
#[cfg(target_vendor = "apple")]
const DURABLE: [(&str, &str); 3] = [("journal_mode", "WAL"), ("synchronous", "FULL"), ("fullfsync", "1")];

/// IMMEDIATE, since a deferred transaction that reads first gets BUSY when it writes.
macro_rules! begin {
    () => {
        "BEGIN IMMEDIATE"
    };
}

/// DO NOTHING for this key only: `OR IGNORE` would swallow other errors as well. Without RETURNING, which costs half as
/// much again.
macro_rules! insert {
    () => {
        "INSERT INTO dtm_barrier_barrier (trans_type, gid, branch_id, op, barrier_id, reason) VALUES (?, ?, ?, ?, ?, ?) \
         ON CONFLICT (gid, branch_id, op, barrier_id) DO NOTHING"
    };
}

/// Runs a text that ends with [`insert!`].
async fn insert(conn: &mut SqliteConnection, sql: &'static str, row: BarrierRow<'_>) -> Result<bool, sqlx::Error> {
    let insert = sqlx::query(sql)
        .bind(row.trans_type.to_owned())
        .bind(row.gid.to_owned())
        .bind(row.branch_id.to_owned())
        .bind(row.op.to_owned())
        .bind(row.barrier_id.to_owned())
        .bind(row.reason.to_owned());
    // Each statement of the text has a result; the insert's is the last.
    let last = conn
        .fetch_many(insert)
        .try_fold(0, async |last, step| Ok(step.left().map_or(last, |done| done.rows_affected())))
        .await?;
    Ok(last == 1)
}

impl Dialect for Sqlite {
    type Queue = OwnedMutexGuard<()>;

    /// A file has one writer at a time, and SQLite lets those who wait try again at growing intervals, in no order. So
    /// the writers of this process stand in a fair queue of their own first.
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

    /// Each call of the connection is handed to its thread and back, which costs as much as a statement: so both in one.
    async fn begin_with(
        conn: &mut SqliteConnection,
        _: Isolation,
        _: Wait,
        row: BarrierRow<'_>,
    ) -> Result<bool, sqlx::Error> {
        insert(conn, concat!(begin!(), "; ", insert!()), row).await
    }

    /// An error where no transaction is open any more. No savepoint: SQLite would copy each page that is written.
    fn commit(_: Wait) -> &'static str {
        "COMMIT"
    }

    fn rollback(_: Wait) -> &'static str {
        "ROLLBACK"
    }

    async fn run(conn: &mut SqliteConnection, sql: &'static str) -> Result<(), sqlx::Error> {
        // As a query, also without arguments: sqlx keeps what it has prepared of that, and of a text it does not.
        sqlx::query(sql).execute(conn).await.map(drop)
    }

    async fn insert(conn: &mut SqliteConnection, row: BarrierRow<'_>) -> Result<bool, sqlx::Error> {
        insert(conn, insert!(), row).await
    }

    async fn durable_reason(conn: &mut SqliteConnection, row: BarrierRow<'_>) -> Result<Option<String>, sqlx::Error> {
        // What can be read in WAL mode with synchronous=FULL is on disk.
        sqlx::query_scalar(
            "SELECT reason FROM dtm_barrier_barrier WHERE gid = ? AND branch_id = ? AND op = ? AND barrier_id = ?",
        )
        .bind(row.gid.to_owned())
        .bind(row.branch_id.to_owned())
        .bind(row.op.to_owned())
        .bind(row.barrier_id.to_owned())
        .fetch_optional(conn)
        .await
    }

    fn fault(error: &(dyn DatabaseError + 'static)) -> Fault {
        match primary_code(error) {
            // SQLITE_BUSY, SQLITE_LOCKED
            5 | 6 => Fault::Conflict,
            // SQLITE_IOERR, SQLITE_CANTOPEN
            10 | 14 => Fault::Lost,
            _ => Fault::Statement,
        }
    }

    fn commit_was_refused(error: &(dyn DatabaseError + 'static)) -> bool {
        // SQLITE_BUSY, SQLITE_FULL, SQLITE_CONSTRAINT (a deferred foreign key)
        matches!(primary_code(error), 5 | 13 | 19)
    }

    async fn create_table(conn: &mut SqliteConnection) -> Result<(), sqlx::Error> {
        // One tree instead of two, and so a page less in each commit.
        conn.execute(
            "CREATE TABLE IF NOT EXISTS dtm_barrier_barrier (
                trans_type TEXT NOT NULL DEFAULT '',
                gid TEXT NOT NULL,
                branch_id TEXT NOT NULL,
                op TEXT NOT NULL,
                barrier_id TEXT NOT NULL,
                reason TEXT NOT NULL DEFAULT '',
                create_time TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP,
                PRIMARY KEY (gid, branch_id, op, barrier_id)
            ) WITHOUT ROWID",
        )
        .await
        .map(drop)
    }

    /// Most of it belongs to the connection: so the pool opens those to come with it, and each that it has is set here.
    async fn settings(pool: &Pool<Self>) -> Result<Vec<WeakSetting>, sqlx::Error> {
        // Two at once would wait for each other's connections.
        static ONE_AT_A_TIME: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());
        let _alone = ONE_AT_A_TIME.lock().await;

        let options = pool.connect_options().as_ref().clone();
        pool.set_connect_options(DURABLE.iter().fold(options, |options, &(name, value)| options.pragma(name, value)));
        let mut weak = Vec::new();
        let mut held = vec![pool.acquire().await?];
        while held.len() < usize::try_from(pool.size()).expect("few connections") {
            match pool.acquire().await {
                Err(sqlx::Error::PoolTimedOut) => {
                    weak.push(WeakSetting {
                        setting: "synchronous",
                        value: "as it was in the connections that are in use".to_owned(),
                        advice: "check the database before its pool is in use, or open it with `SqliteSynchronous::Full`",
                    });
                    break;
                }
                conn => held.push(conn?),
            }
        }
        for conn in &mut held {
            for (name, value) in DURABLE {
                conn.execute(AssertSqlSafe(format!("PRAGMA {name} = {value}"))).await?;
            }
        }
        let conn = held[0].as_mut();
        let mode: String = sqlx::query_scalar("PRAGMA journal_mode").fetch_one(&mut *conn).await?;
        let level: i64 = sqlx::query_scalar("PRAGMA synchronous").fetch_one(&mut *conn).await?;

        if !mode.eq_ignore_ascii_case("wal") {
            weak.push(WeakSetting {
                setting: "journal_mode",
                value: mode,
                advice: "WAL could not be set; use a file on a local disk (an in-memory database forgets what it acknowledged)",
            });
        }
        if level < 2 {
            weak.push(WeakSetting {
                setting: "synchronous",
                value: level.to_string(),
                advice: "FULL could not be set; below it an acknowledged commit can be lost with the power",
            });
        }
        Ok(weak)
    }

    fn no_table(error: &(dyn DatabaseError + 'static)) -> bool {
        // SQLite has no code of its own for this.
        error.message().starts_with("no such table")
    }

    fn no_right(error: &(dyn DatabaseError + 'static)) -> bool {
        // SQLITE_PERM, SQLITE_READONLY, SQLITE_CANTOPEN, SQLITE_AUTH
        matches!(primary_code(error), 3 | 8 | 14 | 23)
    }

    const GRANT: &'static str = "make the file and its directory writable for this process";
}

/// The code without its extension, 0 if there is none.
fn primary_code(error: &(dyn DatabaseError + 'static)) -> i32 {
    error.code().and_then(|code| code.parse::<i32>().ok()).unwrap_or(0) & 0xff
}
