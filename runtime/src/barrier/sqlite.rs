//! The barrier on SQLite.

use futures_util::TryStreamExt;
use sqlx::{Executor, Sqlite, SqliteConnection};

use super::dialect::{BarrierDialect, Batch};
use super::row::BarrierRow;
use crate::database::sqlite::begin;
use crate::database::{Inserted, Isolation, Wait};
use crate::protocol::BarrierTable;

/// DO NOTHING for this key only: `OR IGNORE` would hide other errors as well. No RETURNING: it costs half as much again.
macro_rules! insert {
    () => {
        "INSERT INTO dtm_barrier_barrier (trans_type, gid, branch_id, op, barrier_id, reason) VALUES (?, ?, ?, ?, ?, ?) \
         ON CONFLICT (gid, branch_id, op, barrier_id) DO NOTHING"
    };
}

/// Runs a text that ends with [`insert!`].
async fn insert(conn: &mut SqliteConnection, sql: &'static str, row: BarrierRow<'_>) -> Result<Inserted, sqlx::Error> {
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
        .try_fold(0, async |last, item| Ok(item.left().map_or(last, |result| result.rows_affected())))
        .await?;
    Ok((last == 1).into())
}

/// Whether a row is so many seconds old.
macro_rules! is_old {
    () => {
        "create_time < datetime('now', '-' || ? || ' seconds')"
    };
}

impl BarrierDialect for Sqlite {
    /// One text for both: sqlx hands each call to the connection's thread and back, which costs as much as a statement.
    async fn begin_with(
        conn: &mut SqliteConnection,
        _: Isolation,
        _: Wait,
        row: BarrierRow<'_>,
        _: bool,
    ) -> Result<Inserted, sqlx::Error> {
        insert(conn, concat!(begin!(), "; ", insert!()), row).await
    }

    async fn insert(conn: &mut SqliteConnection, row: BarrierRow<'_>, _: bool) -> Result<Inserted, sqlx::Error> {
        insert(conn, insert!(), row).await
    }

    async fn durable_reason(
        conn: &mut SqliteConnection,
        row: BarrierRow<'_>,
        cached: bool,
    ) -> Result<Option<String>, sqlx::Error> {
        // With WAL and synchronous=FULL, a commit that can be read is on disk.
        Self::reason(conn, row, cached).await
    }

    async fn reason(conn: &mut SqliteConnection, row: BarrierRow<'_>, _: bool) -> Result<Option<String>, sqlx::Error> {
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

    async fn keep(conn: &mut SqliteConnection, row: BarrierRow<'_>, data: &[u8], _: bool) -> Result<(), sqlx::Error> {
        sqlx::query("INSERT INTO branchwire_kept (gid, branch_id, data) VALUES (?, ?, ?)")
            .bind(row.gid.to_owned())
            .bind(row.branch_id.to_owned())
            .bind(data.to_vec())
            .execute(conn)
            .await
            .map(drop)
    }

    async fn kept(conn: &mut SqliteConnection, row: BarrierRow<'_>, _: bool) -> Result<Option<Vec<u8>>, sqlx::Error> {
        sqlx::query_scalar("SELECT data FROM branchwire_kept WHERE gid = ? AND branch_id = ?")
            .bind(row.gid.to_owned())
            .bind(row.branch_id.to_owned())
            .fetch_optional(conn)
            .await
    }

    async fn change_reason(conn: &mut SqliteConnection, row: BarrierRow<'_>, to: &str) -> Result<bool, sqlx::Error> {
        sqlx::query(
            "UPDATE dtm_barrier_barrier SET reason = ? \
             WHERE gid = ? AND branch_id = ? AND op = ? AND barrier_id = ? AND reason = ?",
        )
        .bind(to.to_owned())
        .bind(row.gid.to_owned())
        .bind(row.branch_id.to_owned())
        .bind(row.op.to_owned())
        .bind(row.barrier_id.to_owned())
        .bind(row.reason.to_owned())
        .execute(conn)
        .await
        .map(|changed| changed.rows_affected() == 1)
    }

    async fn create_table(conn: &mut SqliteConnection) -> Result<(), sqlx::Error> {
        conn.execute(BarrierTable::SQLITE.create).await.map(drop)
    }

    /// A gid. The key has no order of time, and an index of times would cost each commit a page: so a sweep reads all.
    type Place = String;

    async fn look(
        conn: &mut SqliteConnection,
        after: &String,
        older_than_s: i64,
        rows: u32,
    ) -> Result<Option<Batch<String>>, sqlx::Error> {
        let (to, old): (Option<String>, Option<i64>) = sqlx::query_as(concat!(
            "SELECT max(gid), sum(",
            is_old!(),
            ") FROM ",
            "(SELECT gid, create_time FROM dtm_barrier_barrier WHERE gid > ? ORDER BY gid LIMIT ?)"
        ))
        .bind(older_than_s)
        .bind(after.to_owned())
        .bind(rows)
        .fetch_one(conn)
        .await?;
        Ok(to.map(|to| Batch { to, has_old: old.is_some_and(|old| old > 0) }))
    }

    async fn remove(
        conn: &mut SqliteConnection,
        after: &String,
        to: &String,
        older_than_s: i64,
        _: bool,
    ) -> Result<u64, sqlx::Error> {
        // First what was kept: the barrier rows say what is old.
        sqlx::query(concat!(
            "DELETE FROM branchwire_kept WHERE (gid, branch_id) IN ",
            "(SELECT gid, branch_id FROM dtm_barrier_barrier WHERE gid > ? AND gid <= ? AND ",
            is_old!(),
            ")"
        ))
        .bind(after.to_owned())
        .bind(to.to_owned())
        .bind(older_than_s)
        .execute(&mut *conn)
        .await?;
        sqlx::query(concat!("DELETE FROM dtm_barrier_barrier WHERE gid > ? AND gid <= ? AND ", is_old!()))
            .bind(after.to_owned())
            .bind(to.to_owned())
            .bind(older_than_s)
            .execute(conn)
            .await
            .map(|removed| removed.rows_affected())
    }

    const TABLE: BarrierTable = BarrierTable::SQLITE;
    const DATABASE: &'static str = "sqlite";
}
