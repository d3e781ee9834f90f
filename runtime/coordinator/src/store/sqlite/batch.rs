//! Executes a batch of writes, statement by statement; the caller ends the transaction.

use rusqlite::{Connection, params};

use crate::engine::{Definition, State, Time};
use crate::store::{Change, Write, WriteOutcome};

const CREATE: &str = "INSERT INTO trans_global (gid, trans_type, status, query_prepared, protocol, create_time, \
    update_time, finish_time, options, custom_data, next_cron_interval, next_cron_time, owner, ext_data) \
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (gid) DO NOTHING";

const CREATE_BRANCH: &str = "INSERT INTO trans_branch_op (gid, branch_id, op, url, bin_data, status, create_time, \
    update_time, finish_time, position) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";

const APPEND_BRANCH: &str = "INSERT INTO trans_branch_op (gid, branch_id, op, url, bin_data, status, create_time, \
    update_time, position) SELECT ?1, ?2, ?3, ?4, ?5, 'prepared', ?6, ?6, coalesce(max(position) + 1, 0) \
    FROM trans_branch_op WHERE gid = ?1 ON CONFLICT (gid, branch_id, op) DO NOTHING";

// A row that already has the new values counts as changed: so the statement may be executed twice.
const CHANGE: &str = "UPDATE trans_global SET status = ?, owner = ?, next_cron_interval = ?, next_cron_time = ?, \
    finish_time = ?, rollback_time = ?, rollback_reason = ?, update_time = ? \
    WHERE gid = ? AND ((status = ? AND owner = ?) OR (status = ? AND owner = ? AND next_cron_time = ?))";

const CHANGE_EXT_DATA: &str = "UPDATE trans_global SET ext_data = ? WHERE gid = ?";

const CHANGE_BRANCH: &str = "UPDATE trans_branch_op SET status = ?, finish_time = ?, update_time = ? \
    WHERE gid = ? AND branch_id = ? AND op = ? AND status = 'prepared'";

const PARK: &str =
    "UPDATE trans_global SET next_cron_time = ?, owner = '', result = ?, update_time = update_time WHERE gid = ?";

/// Executes the writes in their order. Begins the transaction; the caller ends it.
pub(super) fn execute(connection: &Connection, writes: &[Write]) -> Result<Vec<WriteOutcome>, rusqlite::Error> {
    connection.execute_batch("BEGIN IMMEDIATE")?;
    let outcomes = writes.iter().map(|write| {
        let rows = match write {
            Write::Create { definition, state, owner } => create(connection, definition, state, owner)?,
            Write::Change(write) => change(connection, write)?,
            Write::Park { gid, reason } => {
                connection.prepare_cached(PARK)?.execute(params![Time::MAX.as_millis(), reason, gid])?
            }
        };
        Ok(if rows > 0 { WriteOutcome::Applied } else { WriteOutcome::Conflict })
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
        definition.protocol.as_str(),
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
    for (position, (branch, branch_state)) in (0_i64..).zip(definition.branches.iter().zip(&state.branches)) {
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
            position,
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
    let is_appended = rows > 0 && append(connection, change)?;
    // A branch that is done stays done, even if its transaction has changed in the meantime.
    let mut statement = connection.prepare_cached(CHANGE_BRANCH)?;
    for branch in &change.branches {
        let at = branch.at.as_millis();
        let (branch_id, op) = (branch.branch_id.as_str(), branch.op.as_str());
        statement.execute(params![branch.status.as_str(), at, at, gid, branch_id, op])?;
    }
    Ok(if is_appended { rows } else { 0 })
}

/// Writes the parts of a change that are not columns of every change: appended branches and `ext_data`. Returns whether
/// none of the branches existed before.
fn append(connection: &Connection, change: &Change) -> Result<bool, rusqlite::Error> {
    let gid = change.gid.as_str();
    if let Some(ext_data) = &change.ext_data {
        connection.prepare_cached(CHANGE_EXT_DATA)?.execute(params![ext_data, gid])?;
    }
    let mut inserted = 0;
    for branch in &change.appended {
        inserted += connection.prepare_cached(APPEND_BRANCH)?.execute(params![
            gid,
            branch.branch_id.as_str(),
            branch.op.as_str(),
            branch.url,
            branch.payload.as_ref(),
            change.at.as_millis(),
        ])?;
    }
    Ok(inserted == change.appended.len())
}

fn interval_ms(state: &State) -> i64 {
    i64::try_from(state.interval.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_write_makes_a_table_in_memory() {
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch(include_str!("schema.sql")).unwrap();
        for sql in [CREATE, CREATE_BRANCH, CHANGE, CHANGE_EXT_DATA, CHANGE_BRANCH, PARK] {
            let mut plan = connection.prepare(&format!("EXPLAIN {sql}")).unwrap();
            let steps = plan.raw_query().mapped(|row| row.get::<_, String>(1));
            let steps: Vec<_> = steps.collect::<Result<_, _>>().unwrap();
            assert!(!steps.is_empty() && !steps.iter().any(|step| step == "OpenEphemeral"), "{sql}: {steps:?}");
        }
    }
}
