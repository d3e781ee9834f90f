//! The statements that read.

use std::time::Duration;

use sqlx::mysql::MySqlRow;
use sqlx::{MySql, MySqlConnection, MySqlPool};

use crate::store::Sweep;
use crate::store::reading::{Words, readings};

/// The zone of the session, which is that of the times, in seconds east of UTC.
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
};

readings!(MySql, MySqlRow);

/// How long it is until the next one is due, by the store's clock; zero if it is late.
pub(super) async fn next_due(readers: &MySqlPool) -> Result<Option<Duration>, sqlx::Error> {
    let micros: Option<i64> = sqlx::query_scalar(
        "SELECT CAST(TIMESTAMPDIFF(MICROSECOND, NOW(6), min(next_cron_time)) AS signed) FROM ( \
         (SELECT next_cron_time FROM trans_global WHERE status = 'submitted' AND next_cron_time IS NOT NULL \
          AND trans_type = 'msg' AND protocol IN ('', 'http') ORDER BY next_cron_time LIMIT 1) \
         UNION ALL \
         (SELECT next_cron_time FROM trans_global WHERE status = 'prepared' AND next_cron_time IS NOT NULL \
          AND trans_type = 'msg' AND protocol IN ('', 'http') ORDER BY next_cron_time LIMIT 1) \
         UNION ALL \
         (SELECT next_cron_time FROM trans_global WHERE status = 'aborting' AND next_cron_time IS NOT NULL \
          AND trans_type = 'msg' AND protocol IN ('', 'http') ORDER BY next_cron_time LIMIT 1) \
         ) AS due",
    )
    .fetch_one(readers)
    .await?;
    Ok(micros.map(|micros| Duration::from_micros(u64::try_from(micros).unwrap_or(0))))
}

/// How many unfinished ones are not for us, and by how many seconds the last change of one of all lies in the future.
pub(super) async fn unfinished(connection: &mut MySqlConnection) -> Result<(i64, i64), sqlx::Error> {
    sqlx::query_as(
        "SELECT CAST(coalesce(sum(NOT (trans_type = 'msg' AND protocol IN ('', 'http'))), 0) AS signed), \
         CAST(coalesce(max(TIMESTAMPDIFF(SECOND, NOW(), update_time)), 0) AS signed) \
         FROM trans_global WHERE status IN ('prepared', 'aborting', 'submitted')",
    )
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
