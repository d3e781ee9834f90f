//! The writes outside of batches: to take, to make due, to remove, and the key-value table.

use rusqlite::{Connection, params};

use crate::engine::Time;
use crate::store::{KvPut, ResetDue, Take, WriteOutcome};

pub(super) fn take(connection: &Connection, take: &Take) -> Result<Vec<String>, rusqlite::Error> {
    let mut statement = connection.prepare_cached(
        "UPDATE trans_global SET next_cron_time = ?, owner = ? WHERE id IN (SELECT id FROM trans_global \
         WHERE status NOT IN ('succeed', 'failed') AND next_cron_time <= ? \
         ORDER BY next_cron_time LIMIT ?) RETURNING gid",
    )?;
    let wanted = params![take.until.as_millis(), take.owner, take.now.as_millis(), take.limit];
    statement.query_map(wanted, |row| row.get(0))?.collect()
}

pub(super) fn release_all(connection: &Connection, now: Time) -> Result<(), rusqlite::Error> {
    let sql = "UPDATE trans_global SET next_cron_time = ?, owner = '' \
               WHERE status NOT IN ('succeed', 'failed') AND owner <> ''";
    connection.execute(sql, [now.as_millis()]).map(drop)
}

/// Autocommitted like the others, and so durable.
pub(super) fn reset_due(
    connection: &Connection,
    now: Time,
    later_than: Time,
    limit: u32,
) -> Result<ResetDue, rusqlite::Error> {
    let done = connection.execute(
        "UPDATE trans_global SET next_cron_time = ? WHERE id IN (SELECT id FROM trans_global \
         WHERE status NOT IN ('succeed', 'failed') AND next_cron_time > ? AND owner = '' LIMIT ?)",
        params![now.as_millis(), later_than.as_millis(), limit],
    )?;
    let has_remaining = connection.query_row(
        "SELECT EXISTS (SELECT 1 FROM trans_global \
         WHERE status NOT IN ('succeed', 'failed') AND next_cron_time > ? AND owner = '')",
        [later_than.as_millis()],
        |row| row.get(0),
    )?;
    Ok(ResetDue { succeed_count: done as u64, has_remaining })
}

pub(super) fn kv_put(connection: &Connection, put: &KvPut) -> Result<WriteOutcome, rusqlite::Error> {
    let at = put.at.as_millis();
    let rows = match (&put.v, put.version) {
        (Some(v), None) => connection.execute(
            "INSERT INTO kv (v, version, create_time, update_time, cat, k) VALUES (?, 1, ?, ?, ?, ?) \
             ON CONFLICT (cat, k) DO NOTHING",
            params![v, at, at, put.cat, put.k],
        )?,
        (Some(v), Some(version)) => connection.execute(
            "UPDATE kv SET v = ?, version = version + 1, update_time = ? WHERE cat = ? AND k = ? AND version = ?",
            params![v, at, put.cat, put.k, version],
        )?,
        (None, version) => connection
            .execute("DELETE FROM kv WHERE cat = ? AND k = ? AND version = ?", params![put.cat, put.k, version])?,
    };
    Ok(if rows > 0 { WriteOutcome::Applied } else { WriteOutcome::Conflict })
}

/// Durably writes an entry of our own that nobody reads.
pub(super) fn mark(connection: &Connection) -> Result<(), rusqlite::Error> {
    let sql = "INSERT INTO kv (cat, k, v, version, create_time, update_time) VALUES ('branchwire', 'ready', '', 1, 0, 0) \
               ON CONFLICT (cat, k) DO UPDATE SET version = version + 1";
    connection.execute(sql, []).map(drop)
}

/// Removes finished transactions with their branches.
pub(super) fn remove(connection: &mut Connection, ids: &[i64]) -> Result<(), rusqlite::Error> {
    let ids = serde_json::Value::from(ids).to_string();
    let transaction = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    for sql in [
        "DELETE FROM trans_branch_op WHERE gid IN (SELECT gid FROM trans_global \
         WHERE id IN (SELECT value FROM json_each(?)) AND status IN ('succeed', 'failed'))",
        "DELETE FROM trans_global WHERE id IN (SELECT value FROM json_each(?)) AND status IN ('succeed', 'failed')",
    ] {
        transaction.execute(sql, [&ids])?;
    }
    transaction.commit()
}
