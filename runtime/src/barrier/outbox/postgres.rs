//! The outbox on PostgreSQL.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sqlx::{AssertSqlSafe, Executor, PgConnection, Postgres};

use super::{Claimed, OutboxRecord, OutboxRow, OutboxRows, OutboxState, ms};
use crate::barrier::named::Named;
use crate::barrier::row::is_plain;
use crate::database::{Driver, Isolation, Wait};
use crate::protocol::OutboxTable;

/// The present time in milliseconds since 1970: that of the statement, not of its transaction.
macro_rules! now {
    () => {
        "CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT)"
    };
}

/// The insert, with these values for gid, state, body, the time until it is due, and owner.
macro_rules! insert {
    ($gid:literal, $state:literal, $body:literal, $due_in_ms:literal, $owner:literal) => {
        concat!(
            "INSERT INTO dtm_barrier.branchwire_outbox (gid, state, body, created_ms, due_ms, owner) VALUES (",
            $gid,
            ", ",
            $state,
            ", ",
            $body,
            ", ",
            now!(),
            ", ",
            now!(),
            " + ",
            $due_in_ms,
            ", ",
            $owner,
            ") ON CONFLICT (gid) DO NOTHING"
        )
    };
}

/// A longer body is not put into a text.
const IN_TEXT_BYTES_MAX: usize = 16 * 1024;

/// The insert, for texts.
const INSERT: Named = Named {
    name: "branchwire_outbox_1",
    prepare: concat!("PREPARE branchwire_outbox_1 AS ", insert!("$1", "$2", "$3", "$4", "$5")),
};

impl OutboxRows for Postgres {
    /// One text for both, as with the barrier row. The body is written as base64, so that nothing has to be escaped.
    async fn begin_with_message(
        conn: &mut PgConnection,
        isolation: Isolation,
        wait: Wait,
        row: OutboxRow<'_>,
        cached: bool,
    ) -> Result<bool, sqlx::Error> {
        let begin = Self::begin(isolation, wait);
        let OutboxRow { gid, state, body, owner, due_in_ms } = row;
        if wait == Wait::Bounded || ![gid, owner].into_iter().all(is_plain) || body.len() > IN_TEXT_BYTES_MAX {
            Self::run(conn, begin).await?;
            return Self::insert_message(conn, row, cached).await;
        }
        let (state, body) = (state.as_str(), STANDARD.encode(body));
        if cached {
            let row =
                format!("'{gid}', '{state}', convert_from(decode('{body}', 'base64'), 'UTF8'), {due_in_ms}, '{owner}'");
            if let Some(rows) = INSERT.begin_with(conn, begin, &row).await? {
                return Ok(rows == 1);
            }
        }
        let text = format!(
            concat!("{}; ", insert!("'{}'", "'{}'", "convert_from(decode('{}', 'base64'), 'UTF8')", "{}", "'{}'")),
            begin, gid, state, body, due_in_ms, owner
        );
        // The begin has affected no row.
        Ok(conn.execute(AssertSqlSafe(text)).await?.rows_affected() == 1)
    }

    async fn insert_message(conn: &mut PgConnection, row: OutboxRow<'_>, cached: bool) -> Result<bool, sqlx::Error> {
        let inserted = sqlx::query(insert!("$1", "$2", "$3", "$4", "$5"))
            .bind(row.gid)
            .bind(row.state.as_str())
            .bind(row.body)
            .bind(row.due_in_ms)
            .bind(row.owner)
            .persistent(cached)
            .execute(conn)
            .await?;
        Ok(inserted.rows_affected() == 1)
    }

    async fn message(conn: &mut PgConnection, gid: &str, cached: bool) -> Result<Option<OutboxRecord>, sqlx::Error> {
        // PostgreSQL shows a commit only after its log record is on disk.
        let row: Option<(String, String)> =
            sqlx::query_as("SELECT state, body FROM dtm_barrier.branchwire_outbox WHERE gid = $1")
                .bind(gid)
                .persistent(cached)
                .fetch_optional(conn)
                .await?;
        row.map(|(state, body)| Ok(OutboxRecord { state: OutboxState::read(&state)?, body })).transpose()
    }

    async fn claim(
        conn: &mut PgConnection,
        owner: &str,
        lease_ms: i64,
        rows: u32,
        cached: bool,
    ) -> Result<Vec<Claimed>, sqlx::Error> {
        // SKIP LOCKED: several relays take different rows, and none waits for another.
        let rows: Vec<(String, String, i32, i64)> = sqlx::query_as(concat!(
            "UPDATE dtm_barrier.branchwire_outbox SET owner = $1, due_ms = ",
            now!(),
            " + $2 WHERE gid IN (SELECT gid FROM dtm_barrier.branchwire_outbox WHERE state = 'waiting' AND due_ms <= ",
            now!(),
            " ORDER BY due_ms LIMIT $3 FOR UPDATE SKIP LOCKED) RETURNING gid, body, refusals, ",
            now!(),
            " - created_ms"
        ))
        .bind(owner)
        .bind(lease_ms)
        .bind(i64::from(rows))
        .persistent(cached)
        .fetch_all(conn)
        .await?;
        let claimed = |(gid, body, refusals, age): (_, _, i32, _)| Claimed {
            gid,
            body,
            refusals: refusals.unsigned_abs(),
            age: ms(age),
        };
        Ok(rows.into_iter().map(claimed).collect())
    }

    async fn next_due_ms(conn: &mut PgConnection, cached: bool) -> Result<Option<i64>, sqlx::Error> {
        sqlx::query_scalar(concat!(
            "SELECT MIN(due_ms) - ",
            now!(),
            " FROM dtm_barrier.branchwire_outbox WHERE state = 'waiting'"
        ))
        .persistent(cached)
        .fetch_one(conn)
        .await
    }

    async fn mark_sent(conn: &mut PgConnection, gids: &[String], cached: bool) -> Result<(), sqlx::Error> {
        sqlx::query(concat!(
            "UPDATE dtm_barrier.branchwire_outbox SET state = 'sent', body = '', due_ms = ",
            now!(),
            " WHERE gid = ANY($1) AND state = 'waiting'"
        ))
        .bind(gids)
        .persistent(cached)
        .execute(conn)
        .await
        .map(drop)
    }

    async fn put_back(
        conn: &mut PgConnection,
        gids: &[String],
        owner: &str,
        after_ms: i64,
        refusals: i32,
        cached: bool,
    ) -> Result<(), sqlx::Error> {
        sqlx::query(concat!(
            "UPDATE dtm_barrier.branchwire_outbox SET refusals = refusals + $1, due_ms = ",
            now!(),
            " + $2 WHERE gid = ANY($3) AND owner = $4 AND state = 'waiting'"
        ))
        .bind(refusals)
        .bind(after_ms)
        .bind(gids)
        .bind(owner)
        .persistent(cached)
        .execute(conn)
        .await
        .map(drop)
    }

    async fn set_aside(conn: &mut PgConnection, gid: &str, reason: &str, cached: bool) -> Result<(), sqlx::Error> {
        sqlx::query(concat!(
            "UPDATE dtm_barrier.branchwire_outbox SET state = 'aside', reason = $1, due_ms = ",
            now!(),
            " WHERE gid = $2 AND state = 'waiting'"
        ))
        .bind(reason)
        .bind(gid)
        .persistent(cached)
        .execute(conn)
        .await
        .map(drop)
    }

    async fn retry_stuck(conn: &mut PgConnection, cached: bool) -> Result<u64, sqlx::Error> {
        sqlx::query(concat!(
            "UPDATE dtm_barrier.branchwire_outbox SET state = 'waiting', refusals = 0, reason = '', due_ms = ",
            now!(),
            ", created_ms = ",
            now!(),
            " WHERE state = 'aside'"
        ))
        .persistent(cached)
        .execute(conn)
        .await
        .map(|changed| changed.rows_affected())
    }

    async fn stuck(
        conn: &mut PgConnection,
        rows: u32,
        cached: bool,
    ) -> Result<Vec<(String, String, i64)>, sqlx::Error> {
        sqlx::query_as(concat!(
            "SELECT gid, reason, ",
            now!(),
            " - created_ms FROM dtm_barrier.branchwire_outbox WHERE state = 'aside' ORDER BY due_ms LIMIT $1"
        ))
        .bind(i64::from(rows))
        .persistent(cached)
        .fetch_all(conn)
        .await
    }

    async fn counts(conn: &mut PgConnection, cached: bool) -> Result<(i64, Option<i64>, i64), sqlx::Error> {
        sqlx::query_as(concat!(
            "SELECT COUNT(*) FILTER (WHERE state = 'waiting'), ",
            now!(),
            " - MIN(created_ms) FILTER (WHERE state = 'waiting'), COUNT(*) FILTER (WHERE state = 'aside') ",
            "FROM dtm_barrier.branchwire_outbox WHERE state IN ('waiting', 'aside')"
        ))
        .persistent(cached)
        .fetch_one(conn)
        .await
    }

    async fn remove_messages(
        conn: &mut PgConnection,
        older_than_s: i64,
        rows: u32,
        cached: bool,
    ) -> Result<u64, sqlx::Error> {
        sqlx::query(concat!(
            "DELETE FROM dtm_barrier.branchwire_outbox WHERE gid IN (SELECT gid FROM dtm_barrier.branchwire_outbox ",
            "WHERE state IN ('sent', 'rolled_back') AND due_ms < ",
            now!(),
            " - $1 * 1000 LIMIT $2)"
        ))
        .bind(older_than_s)
        .bind(i64::from(rows))
        .persistent(cached)
        .execute(conn)
        .await
        .map(|removed| removed.rows_affected())
    }

    async fn create_outbox(conn: &mut PgConnection) -> Result<(), sqlx::Error> {
        // Two creations at once collide even with IF NOT EXISTS, so they take turns.
        conn.execute("BEGIN; SELECT pg_advisory_xact_lock(7813574231146352)").await?;
        conn.execute(OutboxTable::POSTGRES.create).await?;
        conn.execute("COMMIT").await.map(drop)
    }
}
