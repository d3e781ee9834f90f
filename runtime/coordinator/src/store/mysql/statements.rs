//! The statements that write. A batch is two texts of many statements, and a COMMIT.

use futures_util::TryStreamExt;
use sqlx::{AssertSqlSafe, Either, MySqlConnection};

use super::script::Script;
use crate::engine::{Branch, BranchState, Definition, State, Time};
use crate::store::{BranchChange, Change, KvPut, Outcome, ResetDue, Take, Write};

/// Executes a script; gives how many rows each of its statements matched or inserted.
async fn run(connection: &mut MySqlConnection, script: Script) -> Result<Vec<u64>, sqlx::Error> {
    let mut changed = Vec::with_capacity(script.len());
    if script.len() == 0 {
        return Ok(changed);
    }
    let text = sqlx::raw_sql(AssertSqlSafe(script.into_text()));
    let mut results = sqlx::Executor::fetch_many(connection, text);
    while let Some(result) = results.try_next().await? {
        if let Either::Left(done) = result {
            changed.push(done.rows_affected());
        }
    }
    Ok(changed)
}

/// Executes the writes in a transaction that is begun here, and committed by the caller.
pub(super) async fn execute(connection: &mut MySqlConnection, writes: &[Write]) -> Result<Vec<Outcome>, sqlx::Error> {
    let mut script = Script::default();
    script.sql("START TRANSACTION").end();
    for write in writes {
        match write {
            Write::Create { definition, state, owner } => create(&mut script, definition, state, owner),
            Write::Change(change) => self::change(&mut script, change),
            Write::Park { gid, reason } => park(&mut script, gid, reason),
        }
    }
    let changed = run(connection, script).await?;
    // The first is that of the transaction's start.
    let outcome = |rows: &u64| if *rows > 0 { Outcome::Applied } else { Outcome::Conflict };
    let outcomes: Vec<_> = changed.iter().skip(1).map(outcome).collect();
    if outcomes.len() != writes.len() {
        return Err(sqlx::Error::Protocol(format!("{} results of {} writes", outcomes.len(), writes.len())));
    }
    let mut script = Script::default();
    for (write, outcome) in writes.iter().zip(&outcomes) {
        match write {
            Write::Create { definition, state, .. } if *outcome == Outcome::Applied => {
                let branches = definition.branches.iter().zip(&state.branches);
                branches.for_each(|(branch, state)| create_branch(&mut script, definition, branch, state));
            }
            Write::Change(change) if *outcome == Outcome::Applied => {
                change.branches.iter().for_each(|branch| change_branch(&mut script, change, branch));
            }
            Write::Create { .. } | Write::Change(_) | Write::Park { .. } => {}
        }
    }
    run(connection, script).await?;
    Ok(outcomes)
}

/// `IGNORE`, so that a gid that is there already is a conflict of this statement alone. It would cut what is too long,
/// too: all lengths were checked when the transaction came in.
fn create(script: &mut Script, definition: &Definition, state: &State, owner: &str) {
    script
        .sql(
            "INSERT IGNORE INTO trans_global (gid, trans_type, status, query_prepared, protocol, create_time, \
             update_time, finish_time, options, custom_data, next_cron_interval, next_cron_time, owner, ext_data, \
             result, rollback_reason) VALUES (",
        )
        .str(definition.gid.as_str())
        .sql(", ")
        .str(definition.trans_type.as_str())
        .sql(", ")
        .str(state.status.as_str())
        .sql(", ")
        .str(&definition.query_prepared)
        .sql(", 'http', ")
        .moment(Some(definition.created.whole_seconds()))
        .sql(", ")
        .moment(Some(definition.created.whole_seconds()))
        .sql(", ")
        .moment(state.ended.map(Time::whole_seconds))
        .sql(", ")
        .str(&definition.options)
        .sql(", ")
        .str(&definition.custom_data)
        .sql(", ")
        .int(whole_seconds(millis(state.interval)))
        .sql(", ")
        .in_millis(millis(definition.created.until(state.due)))
        .sql(", ")
        .str(owner)
        .sql(", ")
        .str(&definition.ext_data)
        .sql(", '', '')")
        .end();
}

fn create_branch(script: &mut Script, definition: &Definition, branch: &Branch, state: &BranchState) {
    script
        .sql(
            "INSERT INTO trans_branch_op (gid, branch_id, op, url, data, bin_data, status, create_time, update_time, \
             finish_time) VALUES (",
        )
        .str(definition.gid.as_str())
        .sql(", ")
        .str(branch.branch_id.as_str())
        .sql(", ")
        .str(branch.op.as_str())
        .sql(", ")
        .str(&branch.url)
        .sql(", '', ")
        .bytes(&branch.payload)
        .sql(", ")
        .str(state.status.as_str())
        .sql(", ")
        .moment(Some(definition.created.whole_seconds()))
        .sql(", ")
        .moment(Some(definition.created.whole_seconds()))
        .sql(", ")
        .moment(state.finished.map(Time::whole_seconds))
        .sql(")")
        .end();
}

/// A row that is as it should become counts as matched: so the statement may be executed twice.
fn change(script: &mut Script, change: &Change) {
    let (finish_time, rollback_time) = change.end_times();
    let seconds = |millis: i64| Time::from_millis(millis).whole_seconds();
    script
        .sql("UPDATE trans_global SET next_cron_interval = ")
        .int(whole_seconds(change.interval_ms))
        .sql(", next_cron_time = ")
        .in_millis(millis(change.wait()))
        .sql(", finish_time = ")
        .moment(finish_time.map(seconds))
        .sql(", rollback_time = ")
        .moment(rollback_time.map(seconds))
        .sql(", rollback_reason = ")
        .str(&change.rollback_reason)
        .sql(", update_time = ")
        .moment(Some(change.at.whole_seconds()))
        .sql(", status = ")
        .str(change.status.as_str())
        .sql(", owner = ")
        .str(&change.owner)
        .sql(" WHERE gid = ")
        .str(change.gid.as_str())
        .sql(" AND ((status = ")
        .str(change.from.as_str())
        .sql(" AND owner = ")
        .str(&change.from_owner)
        .sql(") OR (status = ")
        .str(change.status.as_str())
        .sql(" AND owner = ")
        .str(&change.owner)
        .sql("))")
        .end();
}

fn change_branch(script: &mut Script, change: &Change, branch: &BranchChange) {
    script
        .sql("UPDATE trans_branch_op SET status = ")
        .str(branch.status.as_str())
        .sql(", finish_time = ")
        .moment(Some(branch.at.whole_seconds()))
        .sql(", update_time = ")
        .moment(Some(branch.at.whole_seconds()))
        .sql(" WHERE gid = ")
        .str(change.gid.as_str())
        .sql(" AND branch_id = ")
        .str(branch.branch_id.as_str())
        .sql(" AND op = ")
        .str(branch.op.as_str())
        .sql(" AND status = 'prepared'")
        .end();
}

fn park(script: &mut Script, gid: &str, reason: &str) {
    script
        .sql("UPDATE trans_global SET next_cron_time = '9999-12-31 00:00:00', owner = '', result = LEFT(")
        .str(reason)
        .sql(", 1024) WHERE gid = ")
        .str(gid)
        .end();
}

fn millis(duration: std::time::Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX).min(Time::MAX.as_millis())
}

fn whole_seconds(millis: i64) -> i64 {
    (millis.saturating_add(999) / 1000).min(i64::from(i32::MAX))
}

/// What is due is locked first, past what others have locked, and then changed.
pub(super) async fn take(connection: &mut MySqlConnection, take: &Take) -> Result<Vec<String>, sqlx::Error> {
    sqlx::raw_sql("START TRANSACTION").execute(&mut *connection).await?;
    let rows: Vec<(i64, String)> = sqlx::query_as(
        "SELECT id, gid FROM trans_global WHERE status IN ('prepared', 'aborting', 'submitted') \
         AND next_cron_time <= SYSDATE() AND trans_type = 'msg' AND protocol IN ('', 'http') \
         ORDER BY next_cron_time LIMIT ? FOR UPDATE SKIP LOCKED",
    )
    .bind(take.limit)
    .fetch_all(&mut *connection)
    .await?;
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let mut script = Script::default();
    script.sql("UPDATE trans_global SET next_cron_time = ").in_millis(millis(take.now.until(take.until)));
    script.sql(", owner = ").str(&take.owner).sql(" WHERE id IN (0");
    for (id, _) in &rows {
        script.sql(", ").int(*id);
    }
    script.sql(")").end();
    run(connection, script).await?;
    Ok(rows.into_iter().map(|(_, gid)| gid).collect())
}

pub(super) async fn reset_due(
    connection: &mut MySqlConnection,
    later_than: std::time::Duration,
    limit: u32,
) -> Result<ResetDue, sqlx::Error> {
    let mut script = Script::default();
    script
        .sql(
            "UPDATE trans_global SET next_cron_time = SYSDATE() WHERE status IN ('prepared', 'aborting', 'submitted') \
             AND owner = '' AND next_cron_time > ",
        )
        .in_millis(millis(later_than))
        .sql(" LIMIT ")
        .int(i64::from(limit))
        .end();
    let succeed_count = run(&mut *connection, script).await?.first().copied().unwrap_or(0);
    let has_remaining: i64 = sqlx::query_scalar(
        "SELECT EXISTS (SELECT 1 FROM trans_global WHERE status IN ('prepared', 'aborting', 'submitted') \
         AND owner = '' AND next_cron_time > FROM_UNIXTIME(UNIX_TIMESTAMP(SYSDATE(3)) + ?))",
    )
    .bind(later_than.as_secs_f64())
    .fetch_one(connection)
    .await?;
    Ok(ResetDue { succeed_count, has_remaining: has_remaining != 0 })
}

pub(super) async fn kv_put(connection: &mut MySqlConnection, put: &KvPut) -> Result<Outcome, sqlx::Error> {
    let at = put.at.whole_seconds();
    let query = match (&put.v, put.version) {
        (Some(v), None) => sqlx::query(
            "INSERT IGNORE INTO kv (v, version, create_time, update_time, cat, k) \
             VALUES (?, 1, FROM_UNIXTIME(?), FROM_UNIXTIME(?), ?, ?)",
        )
        .bind(v.as_str())
        .bind(at)
        .bind(at)
        .bind(put.cat.as_str())
        .bind(put.k.as_str()),
        (Some(v), Some(version)) => sqlx::query(
            "UPDATE kv SET v = ?, version = version + 1, update_time = FROM_UNIXTIME(?) \
             WHERE cat = ? AND k = ? AND version = ?",
        )
        .bind(v.as_str())
        .bind(at)
        .bind(put.cat.as_str())
        .bind(put.k.as_str())
        .bind(version),
        (None, version) => sqlx::query("DELETE FROM kv WHERE cat = ? AND k = ? AND version = ?")
            .bind(put.cat.as_str())
            .bind(put.k.as_str())
            .bind(version),
    };
    let done = query.execute(connection).await?;
    Ok(if done.rows_affected() > 0 { Outcome::Applied } else { Outcome::Conflict })
}

/// Removes finished transactions with their branches.
pub(super) async fn remove(connection: &mut MySqlConnection, ids: &[i64]) -> Result<(), sqlx::Error> {
    let mut script = Script::default();
    script.sql("START TRANSACTION").end();
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
    run(connection, script).await.map(drop)
}
