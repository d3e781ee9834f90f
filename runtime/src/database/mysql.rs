//! MySQL and MariaDB.

use sqlx::error::DatabaseError;
use sqlx::mysql::MySqlDatabaseError;
use sqlx::{MySql, MySqlConnection, Pool};

use super::driver::{Driver, Isolation, READ_ONLY, Wait, WeakSetting};
use super::fault::Fault;
use super::statement::{Feature, Reading, Syntax};
use crate::protocol::LookAlike;

impl Driver for MySql {
    type Queue = ();

    async fn queue(_: &Pool<Self>) {}

    /// With autocommit off, and a savepoint. At some errors InnoDB rolls back by itself: without these the next statement
    /// would commit alone, and the end of the transaction could not tell.
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

    /// If the transaction has ended meanwhile, the savepoint is gone: error 1305, and MySQL runs nothing after it.
    ///
    /// Autocommit commits when it is switched on, and nothing may follow in the text: a Galera node that finds out at the
    /// commit that another node was first may answer it with OK all the same if another statement follows.
    fn commit(wait: Wait) -> &'static str {
        match wait {
            Wait::Default => "RELEASE SAVEPOINT bw; SET autocommit = 1",
            Wait::Bounded => {
                "RELEASE SAVEPOINT bw; SET SESSION innodb_lock_wait_timeout = @bw_wait; SET autocommit = 1"
            }
        }
    }

    /// As with the commit: if the transaction has ended meanwhile, the savepoint is gone.
    fn rollback(wait: Wait, _: Option<Fault>) -> &'static str {
        match wait {
            Wait::Default => "RELEASE SAVEPOINT bw; ROLLBACK; SET autocommit = 1",
            Wait::Bounded => {
                "RELEASE SAVEPOINT bw; ROLLBACK; SET autocommit = 1; SET SESSION innodb_lock_wait_timeout = @bw_wait"
            }
        }
    }

    fn reset(wait: Wait) -> &'static str {
        match wait {
            Wait::Default => "ROLLBACK; UNLOCK TABLES; SET autocommit = 1",
            Wait::Bounded => {
                "ROLLBACK; UNLOCK TABLES; SET autocommit = 1; SET SESSION innodb_lock_wait_timeout = @bw_wait"
            }
        }
    }

    async fn run(conn: &mut MySqlConnection, sql: &'static str) -> Result<(), sqlx::Error> {
        // sqlx sends a raw text as a plain query: several statements, one round trip.
        sqlx::raw_sql(sql).execute(conn).await.map(drop)
    }

    fn fault(error: &(dyn DatabaseError + 'static)) -> Fault {
        match number(error) {
            // a record was changed since the snapshot (MariaDB with `innodb_snapshot_isolation`), lock wait timeout, deadlock
            // (Galera: a certification failure)
            1020 | 1205 | 1213 => Fault::Conflict,
            // too many connections, server shutdown, aborted connection, a Galera node that is not ready, network errors,
            // connection killed
            1040 | 1053 | 1152 | 1047 | 1159 | 1161 | 1927 => Fault::Lost,
            // A primary that was demoted: the pool is to connect anew.
            _ if is_read_only(error) => Fault::Lost,
            _ => Fault::Statement,
        }
    }

    fn has_closed(error: &(dyn DatabaseError + 'static)) -> bool {
        // ER_SERVER_SHUTDOWN, ER_CONNECTION_KILLED (MariaDB), ER_CLIENT_INTERACTION_TIMEOUT
        matches!(number(error), 1053 | 1927 | 4031)
    }

    fn has_ended(error: &(dyn DatabaseError + 'static)) -> bool {
        // The savepoint does not exist.
        number(error) == 1305
    }

    /// At a deadlock, and at a lock timeout if the server is configured so.
    fn may_roll_back_by_itself(fault: Option<Fault>) -> bool {
        fault == Some(Fault::Conflict)
    }

    /// InnoDB's deadlock, which is Galera's failed certification as well.
    fn commit_was_refused(error: &(dyn DatabaseError + 'static)) -> bool {
        number(error) == 1213
    }

    fn unfit(error: &(dyn DatabaseError + 'static)) -> Option<&'static str> {
        match number(error) {
            1665 => Some(
                "`binlog_format` is STATEMENT, with which InnoDB refuses every write at the level READ COMMITTED, and \
                 query-prepared asks at this level: set `binlog_format` to ROW",
            ),
            _ => is_read_only(error).then_some(READ_ONLY),
        }
    }

    fn is_missing_table(error: &(dyn DatabaseError + 'static)) -> bool {
        // unknown database, no such table
        matches!(number(error), 1049 | 1146)
    }

    fn is_missing_right(error: &(dyn DatabaseError + 'static)) -> bool {
        // access denied: to a database, a table, a column, for lack of a privilege
        matches!(number(error), 1044 | 1142 | 1143 | 1227)
    }

    async fn look_alike(pool: &Pool<Self>) -> Result<Option<LookAlike>, sqlx::Error> {
        let (version, comment): (String, String) =
            sqlx::query_as("SELECT @@version, @@version_comment").fetch_one(pool).await?;
        Ok(LookAlike::recognize(&[&version, &comment, pool.connect_options().get_host()]))
    }

    async fn settings(pool: &Pool<Self>) -> Result<Vec<WeakSetting>, sqlx::Error> {
        let mut conn = pool.acquire().await?;
        let mut weak = Vec::new();
        let flush: i64 = sqlx::query_scalar("SELECT CAST(@@GLOBAL.innodb_flush_log_at_trx_commit AS SIGNED)")
            .fetch_one(&mut *conn)
            .await?;
        // MariaDB's 3 is 1 and more.
        if !matches!(flush, 1 | 3) {
            weak.push(WeakSetting::new(
                "innodb_flush_log_at_trx_commit",
                flush.to_string(),
                "set it to 1: otherwise a power cut can lose an acknowledged commit",
            ));
        }
        let read_only: i64 =
            sqlx::query_scalar("SELECT CAST(@@GLOBAL.read_only AS SIGNED)").fetch_one(&mut *conn).await?;
        if read_only != 0 {
            weak.push(WeakSetting::new(
                "read_only",
                read_only.to_string(),
                "this looks like a replica: connect the pool to the primary",
            ));
        }
        Ok(weak)
    }

    /// Each of these ends the transaction, or commits it implicitly. Source: MySQL's manual, "Statements That Cause an
    /// Implicit Commit". CREATE and DROP of a TEMPORARY table do not, and are allowed.
    const SYNTAX: Syntax = Syntax {
        refused: &[
            "begin",
            "commit",
            "release",
            "rollback",
            "savepoint",
            "start",
            "xa",
            "alter",
            "create",
            "drop",
            "rename",
            "truncate",
            "grant",
            "revoke",
            "lock",
            "unlock",
            "flush",
            "reset",
            "analyze",
            "cache",
            "check",
            "optimize",
            "repair",
            "install",
            "uninstall",
            "change",
            "stop",
            "backup",
            "shutdown",
        ],
        // The modes `NO_BACKSLASH_ESCAPES` and `ANSI_QUOTES` decide, and each session can set them.
        readings: &[Reading::IN_BOTH_QUOTES, Reading::IN_SINGLE_QUOTES, Reading::NO_ESCAPES],
        temporary_schema: None,
        features: &[
            Feature::BacktickNames,
            Feature::HashComments,
            Feature::ExecutableComments,
            Feature::DashCommentNeedsBlank,
        ],
    };
}

/// Whether an error says that the server takes no writes: a replica, or a primary that was demoted.
fn is_read_only(error: &(dyn DatabaseError + 'static)) -> bool {
    // the server has an option that forbids this (one of several), a read-only transaction, read-only mode
    let is_its_option = number(error) == 1290 && error.message().contains("read-only");
    is_its_option || matches!(number(error), 1792 | 1836)
}

/// MySQL's own error number; its SQLSTATE is too coarse.
pub(crate) fn number(error: &(dyn DatabaseError + 'static)) -> u16 {
    error.try_downcast_ref::<MySqlDatabaseError>().map_or(0, MySqlDatabaseError::number)
}
