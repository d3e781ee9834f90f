//! The writes outside of batches: to take, to make due, to remove, and the key-value table.

use std::sync::LazyLock;
use std::time::Duration;

use sqlx::{AssertSqlSafe, MySqlConnection};

use super::script::{Script, millis};
use super::transaction::{Transaction, run};
use crate::store::{KvPut, NOT_LEASED, OURS, ResetDue, Take, WriteOutcome};

/// A century.
const SECONDS_MAX: i64 = 100 * 365 * 86_400;

/// Finds due transactions, earliest first; uses the index for each status in turn.
static DUE: LazyLock<String> = LazyLock::new(|| {
    let of_status = |status: &str| {
        format!(
            "(SELECT id, gid, next_cron_time FROM trans_global WHERE status = '{status}' AND next_cron_time <= NOW() \
             AND {ours} ORDER BY next_cron_time LIMIT ?)",
            ours = *OURS
        )
    };
    format!(
        "SELECT id, gid FROM ({}) AS due ORDER BY next_cron_time, id LIMIT ?",
        ["submitted", "prepared", "aborting"].map(of_status).join(" UNION ALL ")
    )
});

/// Finds due transactions, and takes those that no other coordinator has taken in the meantime.
pub(super) async fn take(
    connection: &mut MySqlConnection,
    time_zone_s: i32,
    take: &Take,
) -> Result<Vec<String>, sqlx::Error> {
    let query = sqlx::query_as(DUE.as_str()).bind(take.limit).bind(take.limit).bind(take.limit).bind(take.limit);
    let due: Vec<(i64, String)> = query.fetch_all(&mut *connection).await?;
    if due.is_empty() {
        return Ok(Vec::new());
    }
    let mut transaction = Transaction::begin(connection, time_zone_s);
    for (id, _) in &due {
        let script = &mut transaction.script;
        script.sql("UPDATE trans_global SET next_cron_time = ").in_millis(millis(take.now.until(take.until)));
        script.sql(", owner = ").str(&take.owner).sql(" WHERE id = ").int(*id);
        script.sql(" AND status IN ('prepared', 'aborting', 'submitted') AND next_cron_time <= NOW()").end();
    }
    let changed = transaction.commit().await?;
    // The first count belongs to the start of the transaction.
    let taken = due.into_iter().zip(&changed[1..]).filter(|(_, rows)| **rows > 0);
    Ok(taken.map(|((_, gid), _)| gid).collect())
}

pub(super) async fn reset_due(
    connection: &mut MySqlConnection,
    later_than: Duration,
    limit: u32,
) -> Result<ResetDue, sqlx::Error> {
    let mut script = Script::new(0);
    script
        .sql(
            "UPDATE trans_global SET next_cron_time = NOW() WHERE status IN ('prepared', 'aborting', 'submitted') AND ",
        )
        .sql(&NOT_LEASED)
        .sql(" AND next_cron_time > ")
        .in_millis(millis(later_than))
        .sql(" LIMIT ")
        .int(i64::from(limit))
        .end();
    let succeed_count = run(&mut *connection, script).await?.first().copied().unwrap_or(0);
    let has_remaining: i64 = sqlx::query_scalar(AssertSqlSafe(format!(
        "SELECT EXISTS (SELECT 1 FROM trans_global WHERE status IN ('prepared', 'aborting', 'submitted') \
         AND {} AND next_cron_time > TIMESTAMPADD(SECOND, ?, NOW()))",
        *NOT_LEASED
    )))
    .bind(i64::try_from(later_than.as_secs()).unwrap_or(i64::MAX).min(SECONDS_MAX))
    .fetch_one(connection)
    .await?;
    Ok(ResetDue { succeed_count, has_remaining: has_remaining != 0 })
}

/// Times of the key-value table are only shown, so the database's clock is good enough.
pub(super) async fn kv_put(connection: &mut MySqlConnection, put: &KvPut) -> Result<WriteOutcome, sqlx::Error> {
    let query = match (&put.v, put.version) {
        (Some(v), None) => sqlx::query(
            "INSERT INTO kv (v, version, create_time, update_time, cat, k) \
             SELECT ?, 1, NOW(), NOW(), ?, ? FROM DUAL WHERE NOT EXISTS (SELECT 1 FROM kv WHERE cat = ? AND k = ?)",
        )
        .bind(v.as_str())
        .bind(put.cat.as_str())
        .bind(put.k.as_str())
        .bind(put.cat.as_str())
        .bind(put.k.as_str()),
        (Some(v), Some(version)) => sqlx::query(
            "UPDATE kv SET v = ?, version = version + 1, update_time = NOW() \
             WHERE cat = ? AND k = ? AND version = ?",
        )
        .bind(v.as_str())
        .bind(put.cat.as_str())
        .bind(put.k.as_str())
        .bind(version),
        (None, version) => sqlx::query("DELETE FROM kv WHERE cat = ? AND k = ? AND version = ?")
            .bind(put.cat.as_str())
            .bind(put.k.as_str())
            .bind(version),
    };
    let done = query.execute(connection).await?;
    Ok(if done.rows_affected() > 0 { WriteOutcome::Applied } else { WriteOutcome::Conflict })
}

/// Durably writes an entry of our own that nobody reads. (An update that changes nothing would write no log.)
pub(super) async fn mark(connection: &mut MySqlConnection, key: &str) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO kv (cat, k, v, version, create_time, update_time) VALUES ('branchwire', ?, '', 1, NOW(), NOW()) \
         ON DUPLICATE KEY UPDATE version = version + 1, update_time = NOW()",
    )
    .bind(key)
    .execute(connection)
    .await
    .map(drop)
}

/// Removes finished transactions with their branches.
pub(super) async fn remove(connection: &mut MySqlConnection, ids: &[i64]) -> Result<(), sqlx::Error> {
    let mut transaction = Transaction::begin(connection, 0);
    let script = &mut transaction.script;
    for sql in [
        "DELETE b FROM trans_branch_op b JOIN trans_global g ON g.gid = b.gid \
         WHERE g.status IN ('succeed', 'failed') AND g.id IN (0",
        "DELETE FROM trans_global WHERE status IN ('succeed', 'failed') AND id IN (0",
    ] {
        script.sql(sql);
        for id in ids {
            script.sql(", ").int(*id);
        }
        script.sql(")").end();
    }
    transaction.commit().await.map(drop)
}
