//! The statements that read.

use std::sync::LazyLock;
use std::time::Duration;

use sqlx::{MySql, MySqlConnection, MySqlPool};

use crate::store::reading::{Words, readings};
use crate::store::{OURS, Sweep};

/// The session's time zone, which is the zone of the times, in seconds east of UTC.
macro_rules! zone {
    () => {
        "TIMESTAMPDIFF(SECOND, UTC_TIMESTAMP(), NOW())"
    };
}

/// Milliseconds since the Unix epoch. (`UNIX_TIMESTAMP` ends with the year 2037.)
macro_rules! millis {
    ($column:literal) => {
        concat!(
            "CAST((TIMESTAMPDIFF(SECOND, TIMESTAMP'1970-01-01 00:00:00', ",
            $column,
            ") - ",
            zone!(),
            ") * 1000 AS signed)"
        )
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
        "CAST(coalesce(next_cron_interval, 0) * 1000 AS signed) AS next_cron_interval, ",
        "coalesce(",
        millis!("next_cron_time"),
        ", 0) AS next_cron_time, ",
        "owner, coalesce(ext_data, '') AS ext_data, coalesce(result, '') AS result, ",
        "coalesce(rollback_reason, '') AS rollback_reason, CAST(TIMESTAMPDIFF(MICROSECOND, TIMESTAMP'1970-01-01 00:00:00', UTC_TIMESTAMP(6)) DIV 1000 AS signed) AS read_at FROM trans_global",
    ),
    branches: concat!(
        "SELECT id, gid, branch_id, op, url, coalesce(bin_data, '') AS bin_data, status, ",
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
        "SELECT id, cat, k, coalesce(v, '') AS v, CAST(coalesce(version, 1) AS signed) AS version, ",
        "coalesce(",
        millis!("create_time"),
        ", 0) AS create_time, ",
        "coalesce(",
        millis!("update_time"),
        ", 0) AS update_time FROM kv",
    ),
    moment: (concat!("TIMESTAMPADD(SECOND, ", zone!(), " + "), ", TIMESTAMP'1970-01-01 00:00:00')", 1000),
    created_ms: millis!("create_time"),
    due_ms: millis!("next_cron_time"),
    now_ms: Some(
        "CAST(TIMESTAMPDIFF(MICROSECOND, TIMESTAMP'1970-01-01 00:00:00', UTC_TIMESTAMP(6)) DIV 1000 AS signed)",
    ),
    unfinished: "status IN ('prepared', 'aborting', 'submitted')",
};

readings!(MySql);

/// Uses the index for each status in turn.
static NEXT_DUE: LazyLock<String> = LazyLock::new(|| {
    let of_status = |status: &str| {
        format!(
            "(SELECT next_cron_time FROM trans_global WHERE status = '{status}' AND next_cron_time IS NOT NULL \
             AND {ours} ORDER BY next_cron_time LIMIT 1)",
            ours = *OURS
        )
    };
    format!(
        "SELECT CAST(TIMESTAMPDIFF(MICROSECOND, NOW(6), min(next_cron_time)) AS signed) FROM ({}) AS due",
        ["submitted", "prepared", "aborting"].map(of_status).join(" UNION ALL ")
    )
});

static LEFT_TO_OTHERS: LazyLock<String> = LazyLock::new(|| {
    format!(
        "SELECT count(*) FROM trans_global WHERE status IN ('prepared', 'aborting', 'submitted') AND NOT ({ours})",
        ours = *OURS
    )
});

/// The time until the next transaction is due, by the store's clock; zero if it is overdue.
pub(super) async fn next_due(readers: &MySqlPool) -> Result<Option<Duration>, sqlx::Error> {
    let micros: Option<i64> = sqlx::query_scalar(NEXT_DUE.as_str()).fetch_one(readers).await?;
    Ok(micros.map(|micros| Duration::from_micros(u64::try_from(micros).unwrap_or(0))))
}

/// How many unfinished transactions are not for us.
pub(super) async fn left_to_others(readers: &MySqlPool) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar(LEFT_TO_OTHERS.as_str()).fetch_one(readers).await
}

/// How many seconds the latest change of an unfinished transaction lies in the future; zero if none does.
pub(super) async fn future_s(connection: &mut MySqlConnection) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar(
        "SELECT CAST(coalesce(max(TIMESTAMPDIFF(SECOND, NOW(), update_time)), 0) AS signed) \
         FROM trans_global WHERE status IN ('prepared', 'aborting', 'submitted')",
    )
    .persistent(false)
    .fetch_one(connection)
    .await
}

/// Rows by id, each with the times of its creation and its end.
pub(super) async fn by_id(readers: &MySqlPool, sweep: &Sweep) -> Result<Vec<(i64, i64, Option<i64>)>, sqlx::Error> {
    sqlx::query_as(concat!(
        "SELECT id, coalesce(",
        millis!("create_time"),
        ", 0), CASE WHEN status IN ('succeed', 'failed') THEN ",
        millis!("coalesce(finish_time, rollback_time, update_time)"),
        " END FROM trans_global WHERE id > ? ORDER BY id LIMIT ?",
    ))
    .bind(sweep.after_id)
    .bind(i64::from(sweep.limit))
    .fetch_all(readers)
    .await
}
