//! The writes outside of batches: to take, to make due, to remove, and the key-value table.

use std::sync::LazyLock;
use std::time::Duration;

use sqlx::{AssertSqlSafe, PgConnection};

use super::batch::seconds;
use crate::store::{KvPut, NOT_LEASED, OURS, ResetDue, Take, WriteOutcome};

/// Materialized: the planner might execute a subquery twice, and the second time it would lock other rows.
static TAKE: LazyLock<String> = LazyLock::new(|| {
    format!(
        "WITH due AS MATERIALIZED (SELECT id FROM trans_global WHERE status IN ('prepared', 'aborting', 'submitted') \
         AND next_cron_time <= now() AND {ours} ORDER BY next_cron_time LIMIT $3 FOR UPDATE SKIP LOCKED) \
         UPDATE trans_global g SET next_cron_time = to_timestamp(ceil(extract(epoch FROM now()) + $1)), owner = $2 \
         FROM due WHERE g.id = due.id RETURNING g.gid",
        ours = *OURS
    )
});

pub(super) async fn take(connection: &mut PgConnection, take: &Take) -> Result<Vec<String>, sqlx::Error> {
    sqlx::query_scalar(TAKE.as_str())
        .bind(take.now.until(take.until).as_secs_f64())
        .bind(take.owner.as_str())
        .bind(i64::from(take.limit))
        .fetch_all(connection)
        .await
}

pub(super) async fn reset_due(
    connection: &mut PgConnection,
    later_than: Duration,
    limit: u32,
) -> Result<ResetDue, sqlx::Error> {
    let done = sqlx::query(AssertSqlSafe(format!(
        "UPDATE trans_global SET next_cron_time = now() WHERE id IN (SELECT id FROM trans_global \
         WHERE status IN ('prepared', 'aborting', 'submitted') AND {} \
         AND next_cron_time > now() + make_interval(secs => $1) LIMIT $2)",
        *NOT_LEASED
    )))
    .bind(later_than.as_secs_f64())
    .bind(i64::from(limit))
    .execute(&mut *connection)
    .await?;
    let has_remaining = sqlx::query_scalar(AssertSqlSafe(format!(
        "SELECT EXISTS (SELECT 1 FROM trans_global WHERE status IN ('prepared', 'aborting', 'submitted') \
         AND {} AND next_cron_time > now() + make_interval(secs => $1))",
        *NOT_LEASED
    )))
    .bind(later_than.as_secs_f64())
    .fetch_one(connection)
    .await?;
    Ok(ResetDue { succeed_count: done.rows_affected(), has_remaining })
}

pub(super) async fn kv_put(connection: &mut PgConnection, put: &KvPut) -> Result<WriteOutcome, sqlx::Error> {
    let query = match (&put.v, put.version) {
        (Some(v), None) => sqlx::query(
            "INSERT INTO kv (cat, k, v, version, create_time, update_time) \
             VALUES ($1, $2, $3, 1, to_timestamp($4), to_timestamp($4)) ON CONFLICT (cat, k) DO NOTHING",
        )
        .bind(put.cat.as_str())
        .bind(put.k.as_str())
        .bind(v.as_str())
        .bind(seconds(put.at)),
        (Some(v), Some(version)) => sqlx::query(
            "UPDATE kv SET v = $3, version = version + 1, update_time = to_timestamp($4) \
             WHERE cat = $1 AND k = $2 AND version = $5",
        )
        .bind(put.cat.as_str())
        .bind(put.k.as_str())
        .bind(v.as_str())
        .bind(seconds(put.at))
        .bind(version),
        (None, version) => sqlx::query("DELETE FROM kv WHERE cat = $1 AND k = $2 AND version = $3")
            .bind(put.cat.as_str())
            .bind(put.k.as_str())
            .bind(version),
    };
    let done = query.execute(connection).await?;
    Ok(if done.rows_affected() > 0 { WriteOutcome::Applied } else { WriteOutcome::Conflict })
}

/// Durably writes an entry of our own that nobody reads.
pub(super) async fn mark(connection: &mut PgConnection, key: &str) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO kv (cat, k, v, version, create_time, update_time) VALUES ('branchwire', $1, '', 1, now(), now()) \
         ON CONFLICT (cat, k) DO UPDATE SET version = kv.version + 1, update_time = now()",
    )
    .bind(key)
    .execute(connection)
    .await
    .map(drop)
}

/// Removes finished transactions with their branches.
pub(super) async fn remove(connection: &mut PgConnection, ids: &[i64]) -> Result<(), sqlx::Error> {
    sqlx::query(
        "WITH gone AS (DELETE FROM trans_global WHERE id = ANY($1) AND status IN ('succeed', 'failed') RETURNING gid) \
         DELETE FROM trans_branch_op USING gone WHERE trans_branch_op.gid = gone.gid",
    )
    .bind(ids)
    .execute(connection)
    .await?;
    Ok(())
}
