//! The barrier on MySQL and MariaDB, and on what speaks their protocol.

use sqlx::error::DatabaseError;
use sqlx::mysql::MySqlDatabaseError;
use sqlx::{MySql, MySqlConnection, Pool, Row};

use super::{BarrierRow, Dialect, Wait, WeakSetting};
use crate::{Fault, Isolation};

impl Dialect for MySql {
    type Queue = ();

    async fn queue(_: &Pool<Self>) {}

    /// With autocommit off and a savepoint: after an error at which InnoDB rolled back by itself, the next statement
    /// would otherwise commit alone, and the end could not tell.
    fn begin(isolation: Isolation, wait: Wait) -> &'static str {
        match (wait, isolation) {
            (Wait::Default, Isolation::ReadCommitted) => {
                "SET TRANSACTION ISOLATION LEVEL READ COMMITTED; SET autocommit = 0; START TRANSACTION; SAVEPOINT bw"
            }
            (Wait::Default, Isolation::RepeatableRead) => {
                "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ; SET autocommit = 0; START TRANSACTION; SAVEPOINT bw"
            }
            (Wait::Default, Isolation::Serializable) => {
                "SET TRANSACTION ISOLATION LEVEL SERIALIZABLE; SET autocommit = 0; START TRANSACTION; SAVEPOINT bw"
            }
            (Wait::Bounded, _) => {
                "SET @bw_wait = @@SESSION.innodb_lock_wait_timeout; SET SESSION innodb_lock_wait_timeout = 1; \
                 SET TRANSACTION ISOLATION LEVEL READ COMMITTED; SET autocommit = 0; START TRANSACTION; SAVEPOINT bw"
            }
        }
    }

    /// The savepoint is gone (1305) if the transaction has ended meanwhile; nothing after it is then executed.
    fn commit(wait: Wait) -> &'static str {
        match wait {
            Wait::Default => "RELEASE SAVEPOINT bw; COMMIT; SET autocommit = 1",
            Wait::Bounded => {
                "RELEASE SAVEPOINT bw; COMMIT; SET autocommit = 1; SET SESSION innodb_lock_wait_timeout = @bw_wait"
            }
        }
    }

    fn rollback(wait: Wait) -> &'static str {
        match wait {
            Wait::Default => "ROLLBACK; SET autocommit = 1",
            Wait::Bounded => "ROLLBACK; SET autocommit = 1; SET SESSION innodb_lock_wait_timeout = @bw_wait",
        }
    }

    async fn run(conn: &mut MySqlConnection, sql: &'static str) -> Result<(), sqlx::Error> {
        // Text without arguments goes as a plain query: several statements, one round trip.
        sqlx::raw_sql(sql).execute(conn).await.map(drop)
    }

    async fn insert(conn: &mut MySqlConnection, row: BarrierRow<'_>) -> Result<bool, sqlx::Error> {
        // Plain: INSERT IGNORE swallows other errors, and ON DUPLICATE KEY UPDATE does not tell the two cases apart.
        let inserted = sqlx::query(
            "INSERT INTO dtm_barrier.barrier (trans_type, gid, branch_id, op, barrier_id, reason) VALUES (?, ?, ?, ?, ?, ?)",
        )
        .bind(row.trans_type)
        .bind(row.gid)
        .bind(row.branch_id)
        .bind(row.op)
        .bind(row.barrier_id)
        .bind(row.reason)
        .execute(&mut *conn)
        .await;
        match inserted {
            Ok(_) => Ok(true),
            Err(error) if is_duplicate(&error) => {
                // The row in the way must be this very one: the key compares by the column's collation, and another
                // unique key or a trigger may have said 1062 as well. A current read, which sees what the insert saw.
                let met = sqlx::query(concat!(
                    "SELECT gid, branch_id, op FROM dtm_barrier.barrier ",
                    "WHERE gid = ? AND branch_id = ? AND op = ? AND barrier_id = ? LOCK IN SHARE MODE"
                ))
                .bind(row.gid)
                .bind(row.branch_id)
                .bind(row.op)
                .bind(row.barrier_id)
                .fetch_optional(conn)
                .await?;
                match met {
                    Some(met) if is_same(&met, row)? => Ok(false),
                    Some(_) => Err(sqlx::Error::Configuration(
                        "the barrier table holds another gid which this database's collation takes for the same; \
                         choose gids that differ by more than case, accents or trailing spaces"
                            .into(),
                    )),
                    None => Err(error),
                }
            }
            Err(error) => Err(error),
        }
    }

    /// InnoDB shows a commit before its log is on disk, and a COMMIT that wrote nothing does not wait for that. So this
    /// writes: it changes the row that it met (`update_time` to NULL or back), commits, and only then tells.
    async fn durable_reason(conn: &mut MySqlConnection, row: BarrierRow<'_>) -> Result<Option<String>, sqlx::Error> {
        // One statement in autocommit mode: it takes the lock that it needs at once, and returns when it is durable.
        sqlx::query(
            "UPDATE dtm_barrier.barrier SET update_time = IF(update_time IS NULL, NOW(), NULL) \
             WHERE gid = ? AND branch_id = ? AND op = ? AND barrier_id = ?",
        )
        .bind(row.gid)
        .bind(row.branch_id)
        .bind(row.op)
        .bind(row.barrier_id)
        .execute(&mut *conn)
        .await?;
        let met = sqlx::query(
            "SELECT gid, branch_id, op, reason FROM dtm_barrier.barrier \
             WHERE gid = ? AND branch_id = ? AND op = ? AND barrier_id = ?",
        )
        .bind(row.gid)
        .bind(row.branch_id)
        .bind(row.op)
        .bind(row.barrier_id)
        .fetch_optional(conn)
        .await?;
        match met {
            Some(met) if is_same(&met, row)? => Ok(Some(met.try_get("reason")?)),
            _ => Ok(None),
        }
    }

    fn fault(error: &(dyn DatabaseError + 'static)) -> Fault {
        match number(error) {
            // lock wait timeout, deadlock (Galera: a certification failure)
            1205 | 1213 => Fault::Conflict,
            // server shutdown, aborted connection, connection killed, a Galera node that is not ready
            1053 | 1152 | 1927 | 1047 | 1159 | 1161 => Fault::Lost,
            _ => Fault::Statement,
        }
    }

    fn commit_was_refused(error: &(dyn DatabaseError + 'static)) -> bool {
        Self::fault(error) == Fault::Conflict
    }

    async fn create_table(conn: &mut MySqlConnection) -> Result<(), sqlx::Error> {
        // utf8mb4_bin: two gids are one only if their bytes are.
        sqlx::raw_sql(
            "CREATE DATABASE IF NOT EXISTS dtm_barrier DEFAULT CHARACTER SET utf8mb4;
             CREATE TABLE IF NOT EXISTS dtm_barrier.barrier (
                id BIGINT PRIMARY KEY AUTO_INCREMENT,
                trans_type VARCHAR(45) DEFAULT '',
                gid VARCHAR(128) DEFAULT '',
                branch_id VARCHAR(128) DEFAULT '',
                op VARCHAR(45) DEFAULT '',
                barrier_id VARCHAR(45) DEFAULT '',
                reason VARCHAR(45) DEFAULT '',
                create_time DATETIME DEFAULT NOW(),
                update_time DATETIME DEFAULT NOW(),
                KEY (create_time),
                KEY (update_time),
                UNIQUE KEY uniq_barrier (gid, branch_id, op, barrier_id)
             ) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin",
        )
        .execute(conn)
        .await
        .map(drop)
    }

    async fn settings(pool: &Pool<Self>) -> Result<Vec<WeakSetting>, sqlx::Error> {
        let mut conn = pool.acquire().await?;
        let mut weak = Vec::new();
        let flush: i64 = sqlx::query_scalar("SELECT CAST(@@GLOBAL.innodb_flush_log_at_trx_commit AS SIGNED)")
            .fetch_one(&mut *conn)
            .await?;
        // MariaDB's 3 is 1 and more.
        if !matches!(flush, 1 | 3) {
            weak.push(WeakSetting {
                setting: "innodb_flush_log_at_trx_commit",
                value: flush.to_string(),
                advice: "set it to 1: otherwise an acknowledged commit can be lost with the power",
            });
        }
        let read_only: i64 =
            sqlx::query_scalar("SELECT CAST(@@GLOBAL.read_only AS SIGNED)").fetch_one(&mut *conn).await?;
        if read_only != 0 {
            weak.push(WeakSetting {
                setting: "read_only",
                value: read_only.to_string(),
                advice: "this looks like a replica: lead the pool to the primary",
            });
        }
        let engine: Option<String> = sqlx::query_scalar(
            "SELECT CAST(engine AS CHAR) FROM information_schema.tables WHERE table_schema = 'dtm_barrier' AND table_name = 'barrier'",
        )
        .fetch_optional(&mut *conn)
        .await?;
        if let Some(engine) = engine.filter(|engine| !engine.eq_ignore_ascii_case("InnoDB")) {
            weak.push(WeakSetting {
                setting: "engine of dtm_barrier.barrier",
                value: engine,
                advice: "change it to InnoDB: other engines have no transactions",
            });
        }
        Ok(weak)
    }

    fn no_table(error: &(dyn DatabaseError + 'static)) -> bool {
        // unknown database, no such table
        matches!(number(error), 1049 | 1146)
    }

    fn no_right(error: &(dyn DatabaseError + 'static)) -> bool {
        // access denied: to a database, a table, a column, for lack of a privilege; running with --read-only
        matches!(number(error), 1044 | 1142 | 1143 | 1227 | 1290)
    }

    const GRANT: &'static str = "GRANT SELECT, INSERT, UPDATE ON dtm_barrier.barrier TO <user>";
}

/// MySQL's own error number; its SQLSTATE is too coarse.
fn number(error: &(dyn DatabaseError + 'static)) -> u16 {
    error.try_downcast_ref::<MySqlDatabaseError>().map_or(0, MySqlDatabaseError::number)
}

fn is_duplicate(error: &sqlx::Error) -> bool {
    matches!(error, sqlx::Error::Database(error) if number(error.as_ref()) == 1062)
}

/// Whether the row that was met has this key byte for byte.
fn is_same(met: &sqlx::mysql::MySqlRow, row: BarrierRow<'_>) -> Result<bool, sqlx::Error> {
    Ok(met.try_get::<String, _>("gid")? == row.gid
        && met.try_get::<String, _>("branch_id")? == row.branch_id
        && met.try_get::<String, _>("op")? == row.op)
}
