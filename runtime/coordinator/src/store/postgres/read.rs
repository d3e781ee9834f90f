//! The statements that read.

use std::sync::LazyLock;
use std::time::Duration;

use sqlx::{PgPool, Postgres};

use crate::store::reading::{Words, readings};
use crate::store::{OURS, Sweep};

macro_rules! millis {
    ($column:literal) => {
        concat!("CAST(extract(epoch FROM ", $column, ") * 1000 AS bigint)")
    };
}

const WORDS: Words = Words {
    global: concat!(
        "SELECT id, gid, trans_type, status, query_prepared, protocol, ",
        "coalesce(",
        millis!("create_time"),
        ", 0) AS create_time, ",
        "coalesce(",
        millis!("update_time"),
        ", 0) AS update_time, ",
        millis!("finish_time"),
        " AS finish_time, ",
        millis!("rollback_time"),
        " AS rollback_time, ",
        "coalesce(options, '') AS options, coalesce(custom_data, '') AS custom_data, ",
        "CAST(coalesce(next_cron_interval, 0) AS bigint) * 1000 AS next_cron_interval, ",
        "coalesce(",
        millis!("next_cron_time"),
        ", 0) AS next_cron_time, ",
        "owner, coalesce(ext_data, '') AS ext_data, coalesce(result, '') AS result, ",
        "coalesce(rollback_reason, '') AS rollback_reason, CAST(extract(epoch FROM now()) * 1000 AS bigint) AS read_at FROM trans_global",
    ),
    branches: concat!(
        "SELECT id, gid, branch_id, op, url, coalesce(bin_data, CAST('' AS bytea)) AS bin_data, status, ",
        millis!("finish_time"),
        " AS finish_time, ",
        millis!("rollback_time"),
        " AS rollback_time, ",
        "coalesce(",
        millis!("create_time"),
        ", 0) AS create_time, ",
        "coalesce(",
        millis!("update_time"),
        ", 0) AS update_time FROM trans_branch_op",
    ),
    kv: concat!(
        "SELECT id, cat, k, coalesce(v, '') AS v, CAST(coalesce(version, 1) AS bigint) AS version, ",
        "coalesce(",
        millis!("create_time"),
        ", 0) AS create_time, ",
        "coalesce(",
        millis!("update_time"),
        ", 0) AS update_time FROM kv",
    ),
    moment: ("to_timestamp(", ")", 1000),
    created_ms: millis!("create_time"),
    due_ms: millis!("next_cron_time"),
    now_ms: Some("CAST(extract(epoch FROM now()) * 1000 AS bigint)"),
    unfinished: "status IN ('prepared', 'aborting', 'submitted')",
};

readings!(Postgres);

static NEXT_DUE: LazyLock<String> = LazyLock::new(|| {
    format!(
        "SELECT CAST(extract(epoch FROM next_cron_time - now()) AS double precision) \
         FROM trans_global WHERE status IN ('prepared', 'aborting', 'submitted') AND next_cron_time IS NOT NULL \
         AND {ours} ORDER BY next_cron_time LIMIT 1",
        ours = *OURS
    )
});

static LEFT_TO_OTHERS: LazyLock<String> = LazyLock::new(|| {
    format!(
        "SELECT count(*) FROM trans_global WHERE status IN ('prepared', 'aborting', 'submitted') AND NOT ({ours})",
        ours = *OURS
    )
});

/// The time until the next transaction is due, by the store's clock; zero if it is overdue.
pub(super) async fn next_due(readers: &PgPool) -> Result<Option<Duration>, sqlx::Error> {
    let seconds: Option<f64> = sqlx::query_scalar(NEXT_DUE.as_str()).fetch_optional(readers).await?;
    Ok(seconds.map(|seconds| Duration::try_from_secs_f64(seconds.max(0.0)).unwrap_or(Duration::MAX)))
}

/// Rows by id, each with the times of its creation and its end.
pub(super) async fn by_id(readers: &PgPool, sweep: &Sweep) -> Result<Vec<(i64, i64, Option<i64>)>, sqlx::Error> {
    sqlx::query_as(concat!(
        "SELECT id, coalesce(",
        millis!("create_time"),
        ", 0), CASE WHEN status IN ('succeed', 'failed') THEN ",
        millis!("coalesce(finish_time, rollback_time, update_time)"),
        " END FROM trans_global WHERE id > $1 ORDER BY id LIMIT $2",
    ))
    .bind(sweep.after_id)
    .bind(i64::from(sweep.limit))
    .fetch_all(readers)
    .await
}

/// How many unfinished transactions are not for us.
pub(super) async fn left_to_others(readers: &PgPool) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar(LEFT_TO_OTHERS.as_str()).fetch_one(readers).await
}
