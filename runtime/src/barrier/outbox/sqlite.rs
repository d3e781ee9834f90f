//! The outbox on SQLite.

use futures_util::TryStreamExt;
use sqlx::{Executor, Sqlite, SqliteConnection};

use super::{Claimed, OutboxRecord, OutboxRow, OutboxRows, OutboxState, ms};
use crate::database::sqlite::begin;
use crate::database::{Isolation, Wait};
use crate::protocol::OutboxTable;

/// The present time in milliseconds since 1970.
macro_rules! now {
    () => {
        "CAST(unixepoch('subsec') * 1000 AS INTEGER)"
    };
}

macro_rules! insert {
    () => {
        concat!(
            "INSERT INTO branchwire_outbox (gid, state, body, created_ms, due_ms, owner) VALUES (?, ?, ?, ",
            now!(),
            ", ",
            now!(),
            " + ?, ?) ON CONFLICT (gid) DO NOTHING"
        )
    };
}

/// Runs a text that ends with [`insert!`].
async fn insert(conn: &mut SqliteConnection, sql: &'static str, row: OutboxRow<'_>) -> Result<bool, sqlx::Error> {
    let insert = sqlx::query(sql)
        .bind(row.gid.to_owned())
        .bind(row.state.as_str())
        .bind(row.body.to_owned())
        .bind(row.due_in_ms)
        .bind(row.owner.to_owned());
    // Each statement of the text has a result; the insert's is the last.
    let last = conn
        .fetch_many(insert)
        .try_fold(0, async |last, item| Ok(item.left().map_or(last, |result| result.rows_affected())))
        .await?;
    Ok(last == 1)
}

/// A list of gids as one argument.
fn list(gids: &[String]) -> String {
    serde_json::to_string(gids).expect("a list of texts")
}

impl OutboxRows for Sqlite {
    /// One text for both: sqlx hands each call to the connection's thread and back, which costs as much as a statement.
    async fn begin_with_message(
        conn: &mut SqliteConnection,
        _: Isolation,
        _: Wait,
        row: OutboxRow<'_>,
        _: bool,
    ) -> Result<bool, sqlx::Error> {
        insert(conn, concat!(begin!(), "; ", insert!()), row).await
    }

    async fn insert_message(conn: &mut SqliteConnection, row: OutboxRow<'_>, _: bool) -> Result<bool, sqlx::Error> {
        insert(conn, insert!(), row).await
    }

    async fn message(conn: &mut SqliteConnection, gid: &str, _: bool) -> Result<Option<OutboxRecord>, sqlx::Error> {
        // With WAL and synchronous=FULL, a commit that can be read is on disk.
        let row: Option<(String, String)> = sqlx::query_as("SELECT state, body FROM branchwire_outbox WHERE gid = ?")
            .bind(gid.to_owned())
            .fetch_optional(conn)
            .await?;
        row.map(|(state, body)| Ok(OutboxRecord { state: OutboxState::read(&state)?, body })).transpose()
    }

    async fn claim(
        conn: &mut SqliteConnection,
        owner: &str,
        lease_ms: i64,
        rows: u32,
        _: bool,
    ) -> Result<Vec<Claimed>, sqlx::Error> {
        let rows: Vec<(String, String, u32, i64)> = sqlx::query_as(concat!(
            "UPDATE branchwire_outbox SET owner = ?, due_ms = ",
            now!(),
            " + ? WHERE gid IN (SELECT gid FROM branchwire_outbox WHERE state = 'waiting' AND due_ms <= ",
            now!(),
            " ORDER BY due_ms LIMIT ?) RETURNING gid, body, refusals, ",
            now!(),
            " - created_ms"
        ))
        .bind(owner.to_owned())
        .bind(lease_ms)
        .bind(rows)
        .fetch_all(conn)
        .await?;
        Ok(rows.into_iter().map(|(gid, body, refusals, age)| Claimed { gid, body, refusals, age: ms(age) }).collect())
    }

    async fn next_due_ms(conn: &mut SqliteConnection, _: bool) -> Result<Option<i64>, sqlx::Error> {
        sqlx::query_scalar(concat!("SELECT MIN(due_ms) - ", now!(), " FROM branchwire_outbox WHERE state = 'waiting'"))
            .fetch_one(conn)
            .await
    }

    async fn mark_sent(conn: &mut SqliteConnection, gids: &[String], _: bool) -> Result<(), sqlx::Error> {
        sqlx::query(concat!(
            "UPDATE branchwire_outbox SET state = 'sent', body = '', due_ms = ",
            now!(),
            " WHERE gid IN (SELECT value FROM json_each(?)) AND state = 'waiting'"
        ))
        .bind(list(gids))
        .execute(conn)
        .await
        .map(drop)
    }

    async fn put_back(
        conn: &mut SqliteConnection,
        gids: &[String],
        owner: &str,
        after_ms: i64,
        refusals: i32,
        _: bool,
    ) -> Result<(), sqlx::Error> {
        sqlx::query(concat!(
            "UPDATE branchwire_outbox SET refusals = refusals + ?, due_ms = ",
            now!(),
            " + ? WHERE gid IN (SELECT value FROM json_each(?)) AND owner = ? AND state = 'waiting'"
        ))
        .bind(refusals)
        .bind(after_ms)
        .bind(list(gids))
        .bind(owner.to_owned())
        .execute(conn)
        .await
        .map(drop)
    }

    async fn set_aside(conn: &mut SqliteConnection, gid: &str, reason: &str, _: bool) -> Result<(), sqlx::Error> {
        sqlx::query(concat!(
            "UPDATE branchwire_outbox SET state = 'aside', reason = ?, due_ms = ",
            now!(),
            " WHERE gid = ? AND state = 'waiting'"
        ))
        .bind(reason.to_owned())
        .bind(gid.to_owned())
        .execute(conn)
        .await
        .map(drop)
    }

    async fn retry_stuck(conn: &mut SqliteConnection, _: bool) -> Result<u64, sqlx::Error> {
        sqlx::query(concat!(
            "UPDATE branchwire_outbox SET state = 'waiting', refusals = 0, reason = '', due_ms = ",
            now!(),
            ", created_ms = ",
            now!(),
            " WHERE state = 'aside'"
        ))
        .execute(conn)
        .await
        .map(|changed| changed.rows_affected())
    }

    async fn stuck(conn: &mut SqliteConnection, rows: u32, _: bool) -> Result<Vec<(String, String, i64)>, sqlx::Error> {
        sqlx::query_as(concat!(
            "SELECT gid, reason, ",
            now!(),
            " - created_ms FROM branchwire_outbox WHERE state = 'aside' ORDER BY due_ms LIMIT ?"
        ))
        .bind(rows)
        .fetch_all(conn)
        .await
    }

    async fn counts(conn: &mut SqliteConnection, _: bool) -> Result<(i64, Option<i64>, i64), sqlx::Error> {
        sqlx::query_as(concat!(
            "SELECT COUNT(*) FILTER (WHERE state = 'waiting'), ",
            now!(),
            " - MIN(created_ms) FILTER (WHERE state = 'waiting'), COUNT(*) FILTER (WHERE state = 'aside') ",
            "FROM branchwire_outbox WHERE state IN ('waiting', 'aside')"
        ))
        .fetch_one(conn)
        .await
    }

    async fn remove_messages(
        conn: &mut SqliteConnection,
        older_than_s: i64,
        rows: u32,
        _: bool,
    ) -> Result<u64, sqlx::Error> {
        sqlx::query(concat!(
            "DELETE FROM branchwire_outbox WHERE gid IN (SELECT gid FROM branchwire_outbox ",
            "WHERE state IN ('sent', 'rolled_back') AND due_ms < ",
            now!(),
            " - ? * 1000 LIMIT ?)"
        ))
        .bind(older_than_s)
        .bind(rows)
        .execute(conn)
        .await
        .map(|removed| removed.rows_affected())
    }

    async fn create_outbox(conn: &mut SqliteConnection) -> Result<(), sqlx::Error> {
        conn.execute(OutboxTable::SQLITE.create).await.map(drop)
    }
}
