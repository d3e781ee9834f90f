//! The statements that write.

use rusqlite::{Connection, params};

use crate::engine::{Definition, State, Time};
use crate::store::{Change, KvPut, Outcome, ResetDue, Take, Write};

const CREATE: &str = "INSERT INTO trans_global (gid, trans_type, status, query_prepared, protocol, create_time, \
    update_time, finish_time, options, custom_data, next_cron_interval, next_cron_time, owner, ext_data) \
    VALUES (?, ?, ?, ?, 'http', ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (gid) DO NOTHING";

const CREATE_BRANCH: &str = "INSERT INTO trans_branch_op (gid, branch_id, op, url, bin_data, status, create_time, \
    update_time, finish_time) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)";

// A row that is as it should become counts as changed: so the statement may be executed twice.
const CHANGE: &str = "UPDATE trans_global SET status = ?, owner = ?, next_cron_interval = ?, next_cron_time = ?, \
    finish_time = ?, rollback_time = ?, rollback_reason = ?, update_time = ? \
    WHERE gid = ? AND ((status = ? AND owner = ?) OR (status = ? AND owner = ? AND next_cron_time = ?))";

const CHANGE_BRANCH: &str = "UPDATE trans_branch_op SET status = ?, finish_time = ?, update_time = ? \
    WHERE gid = ? AND branch_id = ? AND op = ? AND status = 'prepared'";

const PARK: &str =
    "UPDATE trans_global SET next_cron_time = ?, owner = '', result = ?, update_time = update_time WHERE gid = ?";

/// Executes the writes, in their order, in a transaction that is begun here and ended by the caller.
pub(super) fn execute(connection: &Connection, writes: &[Write]) -> Result<Vec<Outcome>, rusqlite::Error> {
    connection.execute_batch("BEGIN IMMEDIATE")?;
    let outcomes = writes.iter().map(|write| {
        let rows = match write {
            Write::Create { definition, state, owner } => create(connection, definition, state, owner)?,
            Write::Change(write) => change(connection, write)?,
            Write::Park { gid, reason } => {
                connection.prepare_cached(PARK)?.execute(params![Time::MAX.as_millis(), reason, gid])?
            }
        };
        Ok(if rows > 0 { Outcome::Applied } else { Outcome::Conflict })
    });
    outcomes.collect()
}

fn create(
    connection: &Connection,
    definition: &Definition,
    state: &State,
    owner: &str,
) -> Result<usize, rusqlite::Error> {
    let gid = definition.gid.as_str();
    let created = definition.created.as_millis();
    let rows = connection.prepare_cached(CREATE)?.execute(params![
        gid,
        definition.trans_type.as_str(),
        state.status.as_str(),
        definition.query_prepared,
        created,
        created,
        state.ended.map(Time::as_millis),
        definition.options,
        definition.custom_data,
        interval_ms(state),
        state.due.as_millis(),
        owner,
        definition.ext_data,
    ])?;
    if rows == 0 {
        return Ok(0);
    }
    let mut statement = connection.prepare_cached(CREATE_BRANCH)?;
    for (branch, branch_state) in definition.branches.iter().zip(&state.branches) {
        statement.execute(params![
            gid,
            branch.branch_id.as_str(),
            branch.op.as_str(),
            branch.url,
            branch.payload.as_ref(),
            branch_state.status.as_str(),
            created,
            created,
            branch_state.finished.map(Time::as_millis),
        ])?;
    }
    Ok(rows)
}

fn change(connection: &Connection, change: &Change) -> Result<usize, rusqlite::Error> {
    let (finish_time, rollback_time) = change.end_times();
    let gid = change.gid.as_str();
    let rows = connection.prepare_cached(CHANGE)?.execute(params![
        change.status.as_str(),
        change.owner,
        change.interval_ms,
        change.due.as_millis(),
        finish_time,
        rollback_time,
        change.rollback_reason,
        change.at.as_millis(),
        gid,
        change.from.as_str(),
        change.from_owner,
        change.status.as_str(),
        change.owner,
        change.due.as_millis(),
    ])?;
    // That a branch is done stays true, also if its transaction has moved on meanwhile.
    let mut statement = connection.prepare_cached(CHANGE_BRANCH)?;
    for branch in &change.branches {
        let at = branch.at.as_millis();
        let (branch_id, op) = (branch.branch_id.as_str(), branch.op.as_str());
        statement.execute(params![branch.status.as_str(), at, at, gid, branch_id, op])?;
    }
    Ok(rows)
}

fn interval_ms(state: &State) -> i64 {
    i64::try_from(state.interval.as_millis()).unwrap_or(i64::MAX)
}

pub(super) fn take(connection: &Connection, take: &Take) -> Result<Vec<String>, rusqlite::Error> {
    let mut statement = connection.prepare_cached(
        "UPDATE trans_global SET next_cron_time = ?, owner = ? WHERE id IN (SELECT id FROM trans_global \
         WHERE status IN ('prepared', 'aborting', 'submitted') AND next_cron_time <= ? \
         ORDER BY next_cron_time LIMIT ?) RETURNING gid",
    )?;
    let wanted = params![take.until.as_millis(), take.owner, take.now.as_millis(), take.limit];
    statement.query_map(wanted, |row| row.get(0))?.collect()
}

pub(super) fn release_all(connection: &Connection, now: Time) -> Result<(), rusqlite::Error> {
    let sql = "UPDATE trans_global SET next_cron_time = ?, owner = '' \
               WHERE status IN ('prepared', 'aborting', 'submitted') AND owner <> ''";
    connection.execute(sql, [now.as_millis()]).map(drop)
}

/// Also autocommitted, and so durable.
pub(super) fn reset_due(
    connection: &Connection,
    now: Time,
    later_than: Time,
    limit: u32,
) -> Result<ResetDue, rusqlite::Error> {
    let done = connection.execute(
        "UPDATE trans_global SET next_cron_time = ? WHERE id IN (SELECT id FROM trans_global \
         WHERE status IN ('prepared', 'aborting', 'submitted') AND next_cron_time > ? AND owner = '' LIMIT ?)",
        params![now.as_millis(), later_than.as_millis(), limit],
    )?;
    let has_remaining = connection.query_row(
        "SELECT EXISTS (SELECT 1 FROM trans_global \
         WHERE status IN ('prepared', 'aborting', 'submitted') AND next_cron_time > ? AND owner = '')",
        [later_than.as_millis()],
        |row| row.get(0),
    )?;
    Ok(ResetDue { succeed_count: done as u64, has_remaining })
}

pub(super) fn kv_put(connection: &Connection, put: &KvPut) -> Result<Outcome, rusqlite::Error> {
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
    Ok(if rows > 0 { Outcome::Applied } else { Outcome::Conflict })
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
