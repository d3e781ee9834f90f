//! The barrier on MySQL and MariaDB.

use sqlx::mysql::MySqlRow;
use sqlx::{MySql, MySqlConnection, Row};

use super::dialect::{BarrierDialect, Batch};
use super::row::BarrierRow;
use crate::database::mysql::number;
use crate::database::{Inserted, WeakSetting};
use crate::protocol::BarrierTable;

/// Whether a row is so many seconds old. DATETIME has no zone, and services in other languages may write another one than
/// ours: so a row counts as up to 14 hours younger than it is.
macro_rules! is_old {
    () => {
        "create_time < NOW() - INTERVAL ? SECOND - INTERVAL 14 HOUR"
    };
}

impl BarrierDialect for MySql {
    async fn insert(conn: &mut MySqlConnection, row: BarrierRow<'_>, _: bool) -> Result<Inserted, sqlx::Error> {
        // A plain INSERT: INSERT IGNORE hides other errors, and ON DUPLICATE KEY UPDATE does not tell the two cases apart.
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
            Ok(inserted) => {
                // Zero if the table does not count.
                let number = Some(inserted.last_insert_id()).filter(|number| *number != 0);
                Ok(Inserted { is_new: true, number })
            }
            Err(error) if is_duplicate(&error) => {
                // Make sure that the duplicate is this very row: the key is compared by the column's collation, and
                // another unique key or a trigger can raise 1062 as well. A locking read sees what the insert saw.
                let found = sqlx::query(concat!(
                    "SELECT gid, branch_id, op FROM dtm_barrier.barrier ",
                    "WHERE gid = ? AND branch_id = ? AND op = ? AND barrier_id = ? LOCK IN SHARE MODE"
                ))
                .bind(row.gid)
                .bind(row.branch_id)
                .bind(row.op)
                .bind(row.barrier_id)
                .fetch_optional(conn)
                .await?;
                match found {
                    Some(found) if is_same(&found, row)? => Ok(false.into()),
                    Some(_) => Err(sqlx::Error::Configuration(
                        "the barrier table holds another gid that is equal to this one in the table's collation; \
                         choose gids that differ by more than case, accents or trailing spaces"
                            .into(),
                    )),
                    None => Err(error),
                }
            }
            Err(error) => Err(error),
        }
    }

    /// InnoDB does not give a number again that a rollback has left free.
    async fn has_row(conn: &mut MySqlConnection, number: u64) -> Result<bool, sqlx::Error> {
        sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM dtm_barrier.barrier WHERE id = ?)")
            .bind(number)
            .fetch_one(conn)
            .await
    }

    /// InnoDB shows a commit before its log is on disk, and a COMMIT that wrote nothing does not wait for the log. So this
    /// writes: it changes the row that it read (`update_time` to NULL or back), commits, and returns only then.
    async fn durable_reason(
        conn: &mut MySqlConnection,
        row: BarrierRow<'_>,
        cached: bool,
    ) -> Result<Option<String>, sqlx::Error> {
        alone(conn).await?;
        // One statement with autocommit: it takes its only lock at once, and returns when it is durable.
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
        Self::reason(conn, row, cached).await
    }

    async fn reason(conn: &mut MySqlConnection, row: BarrierRow<'_>, _: bool) -> Result<Option<String>, sqlx::Error> {
        let found = sqlx::query(
            "SELECT gid, branch_id, op, reason FROM dtm_barrier.barrier \
             WHERE gid = ? AND branch_id = ? AND op = ? AND barrier_id = ?",
        )
        .bind(row.gid)
        .bind(row.branch_id)
        .bind(row.op)
        .bind(row.barrier_id)
        .fetch_optional(conn)
        .await?;
        match found {
            Some(found) if is_same(&found, row)? => Ok(Some(found.try_get("reason")?)),
            _ => Ok(None),
        }
    }

    async fn keep(conn: &mut MySqlConnection, row: BarrierRow<'_>, data: &[u8], _: bool) -> Result<(), sqlx::Error> {
        sqlx::query("INSERT INTO dtm_barrier.branchwire_kept (gid, branch_id, data) VALUES (?, ?, ?)")
            .bind(row.gid)
            .bind(row.branch_id)
            .bind(data)
            .execute(conn)
            .await
            .map(drop)
    }

    async fn kept(conn: &mut MySqlConnection, row: BarrierRow<'_>, _: bool) -> Result<Option<Vec<u8>>, sqlx::Error> {
        sqlx::query_scalar("SELECT data FROM dtm_barrier.branchwire_kept WHERE gid = ? AND branch_id = ?")
            .bind(row.gid)
            .bind(row.branch_id)
            .fetch_optional(conn)
            .await
    }

    async fn change_reason(conn: &mut MySqlConnection, row: BarrierRow<'_>, to: &str) -> Result<bool, sqlx::Error> {
        alone(conn).await?;
        sqlx::query(
            "UPDATE dtm_barrier.barrier SET reason = ? \
             WHERE gid = ? AND branch_id = ? AND op = ? AND barrier_id = ? AND reason = ?",
        )
        .bind(to)
        .bind(row.gid)
        .bind(row.branch_id)
        .bind(row.op)
        .bind(row.barrier_id)
        .bind(row.reason)
        .execute(conn)
        .await
        .map(|changed| changed.rows_affected() == 1)
    }

    async fn create_table(conn: &mut MySqlConnection) -> Result<(), sqlx::Error> {
        sqlx::raw_sql(BarrierTable::MYSQL.create).execute(conn).await.map(drop)
    }

    async fn table_settings(conn: &mut MySqlConnection) -> Result<Vec<WeakSetting>, sqlx::Error> {
        alone(conn).await?;
        let engine: Option<String> = sqlx::query_scalar(
            "SELECT CAST(engine AS CHAR) FROM information_schema.tables WHERE table_schema = 'dtm_barrier' AND table_name = 'barrier'",
        )
        .fetch_optional(conn)
        .await?;
        let other = engine.filter(|engine| !engine.eq_ignore_ascii_case("InnoDB"));
        let weak = other.map(|engine| {
            let advice = "change it to InnoDB: the barrier was not tried with others";
            WeakSetting::new("engine of dtm_barrier.barrier", engine, advice)
        });
        Ok(weak.into_iter().collect())
    }

    type Place = i64;

    async fn look(
        conn: &mut MySqlConnection,
        after: &i64,
        older_than_s: i64,
        rows: u32,
    ) -> Result<Option<Batch<i64>>, sqlx::Error> {
        alone(conn).await?;
        let (to, old): (Option<i64>, Option<i64>) = sqlx::query_as(concat!(
            "SELECT MAX(id), CAST(SUM(",
            is_old!(),
            ") AS SIGNED) FROM ",
            "(SELECT id, create_time FROM dtm_barrier.barrier WHERE id > ? ORDER BY id LIMIT ?) AS batch"
        ))
        .bind(older_than_s)
        .bind(after)
        .bind(rows)
        .fetch_one(conn)
        .await?;
        // Ids and times grow together, except for moments: after a whole batch of young rows all rows are young.
        Ok(match (to, old) {
            (Some(to), Some(1..)) => Some(Batch { to, has_old: true }),
            _ => None,
        })
    }

    async fn remove(
        conn: &mut MySqlConnection,
        after: &i64,
        to: &i64,
        older_than_s: i64,
        _: bool,
    ) -> Result<u64, sqlx::Error> {
        // First what was kept: the barrier rows say what is old. DTM's table may have another collation than ours.
        sqlx::query(concat!(
            "DELETE kept FROM dtm_barrier.branchwire_kept AS kept JOIN dtm_barrier.barrier AS barrier ",
            "ON kept.gid = CONVERT(barrier.gid USING utf8mb4) COLLATE utf8mb4_bin ",
            "AND kept.branch_id = CONVERT(barrier.branch_id USING utf8mb4) COLLATE utf8mb4_bin ",
            "WHERE id > ? AND id <= ? AND ",
            is_old!()
        ))
        .bind(after)
        .bind(to)
        .bind(older_than_s)
        .execute(&mut *conn)
        .await?;
        sqlx::query(concat!("DELETE FROM dtm_barrier.barrier WHERE id > ? AND id <= ? AND ", is_old!()))
            .bind(after)
            .bind(to)
            .bind(older_than_s)
            .execute(conn)
            .await
            .map(|removed| removed.rows_affected())
    }

    const TABLE: BarrierTable = BarrierTable::MYSQL;
    const DATABASE: &'static str = "mysql";
}

/// Each statement after this is a transaction of its own, also where the server or the pool says `autocommit = 0`. Without
/// it the connection would go back to the pool with a transaction that holds its locks.
async fn alone(conn: &mut MySqlConnection) -> Result<(), sqlx::Error> {
    sqlx::raw_sql("SET autocommit = 1").execute(conn).await.map(drop)
}

fn is_duplicate(error: &sqlx::Error) -> bool {
    matches!(error, sqlx::Error::Database(error) if number(error.as_ref()) == 1062)
}

/// Whether the row that was found has this key byte for byte.
fn is_same(found: &MySqlRow, row: BarrierRow<'_>) -> Result<bool, sqlx::Error> {
    Ok(found.try_get::<String, _>("gid")? == row.gid
        && found.try_get::<String, _>("branch_id")? == row.branch_id
        && found.try_get::<String, _>("op")? == row.op)
}
