//! A batch of writes as one text of many statements with the COMMIT. That is one round trip, and the database holds no
//! lock while it waits for a coordinator that may have stopped.

use std::collections::{BTreeMap, HashSet};

use sqlx::MySqlConnection;

use super::insert;
use super::script::{Script, wait_ms, whole_seconds};
use super::transaction::Transaction;
use crate::engine::Time;
use crate::store::{BranchChange, Change, Write, WriteOutcome};

/// Executes the writes; they are committed when it returns. If they are `in_doubt`, that is if an earlier attempt may
/// have executed them, a row that already has the new values counts as changed.
pub(super) async fn execute(
    connection: &mut MySqlConnection,
    time_zone_s: i32,
    writes: &[Write],
    in_doubt: bool,
) -> Result<Vec<WriteOutcome>, sqlx::Error> {
    let done = execute_all_but(&HashSet::new(), connection, time_zone_s, writes, in_doubt).await;
    let Err(sqlx::Error::Database(error)) = &done else { return done };
    if !error.is_unique_violation() {
        return done;
    }
    // Look for existing gids only after a duplicate key: most gids are new. `INSERT IGNORE` would also cut texts that
    // are too long, and `INSERT ... SELECT` locks the whole table.
    sqlx::raw_sql("ROLLBACK").execute(&mut *connection).await?;
    let there = insert::that_are_there(connection, time_zone_s, writes).await?;
    if there.is_empty() {
        return done;
    }
    execute_all_but(&there, connection, time_zone_s, writes, in_doubt).await
}

/// Executes the writes, except the creation of the gids in `there`.
async fn execute_all_but(
    there: &HashSet<String>,
    connection: &mut MySqlConnection,
    time_zone_s: i32,
    writes: &[Write],
    in_doubt: bool,
) -> Result<Vec<WriteOutcome>, sqlx::Error> {
    let mut transaction = Transaction::begin(connection, time_zone_s);
    insert::insert(&mut transaction, writes, there).await?;
    let mut places = Vec::with_capacity(writes.len());
    for write in writes {
        places.push(transaction.next());
        match write {
            Write::Create { .. } => {}
            Write::Change(change) => {
                self::change(&mut transaction.script, change, in_doubt);
                insert::append(&mut transaction.script, change);
            }
            Write::Park { gid, reason } => park(&mut transaction.script, gid, reason),
        }
        transaction.send_if_long().await?;
    }
    change_branches(&mut transaction, writes).await?;
    let changed = transaction.commit().await?;
    let outcomes = writes.iter().zip(places).map(|(write, place)| match write {
        Write::Create { definition, .. } => !there.contains(definition.gid.as_str()),
        Write::Change(_) | Write::Park { .. } => changed[place] > 0,
    });
    Ok(outcomes.map(|applied| if applied { WriteOutcome::Applied } else { WriteOutcome::Conflict }).collect())
}

fn change(script: &mut Script, change: &Change, in_doubt: bool) {
    let (finish_time, rollback_time) = change.end_times();
    let seconds = |millis: i64| Time::from_millis(millis).whole_seconds();
    script
        .sql("UPDATE trans_global SET next_cron_interval = ")
        .int(whole_seconds(change.interval_ms))
        .sql(", next_cron_time = ")
        .in_millis(wait_ms(change.wait()))
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
        .str(&change.owner);
    if let Some(ext_data) = &change.ext_data {
        script.sql(", ext_data = ").str(ext_data);
    }
    script
        .sql(" WHERE gid = ")
        .str(change.gid.as_str())
        .sql(" AND ((status = ")
        .str(change.from.as_str())
        .sql(" AND owner = ")
        .str(&change.from_owner);
    if change.takes_over() {
        script.sql(" AND next_cron_time <= NOW()");
    }
    script.sql(")");
    if in_doubt {
        script.sql(" OR (status = ").str(change.status.as_str()).sql(" AND owner = ").str(&change.owner).sql(")");
    }
    script.sql(")").end();
}

/// How many branches one statement changes.
const BRANCHES_MAX: usize = 128;

/// Changes the branches of all writes. Branches with equal changes share a statement, which costs the database much
/// less than one for each. A branch that is done stays done, even if its transaction has changed in the meantime.
async fn change_branches(transaction: &mut Transaction<'_>, writes: &[Write]) -> Result<(), sqlx::Error> {
    let mut alike: BTreeMap<(&str, i64), Vec<(&Change, &BranchChange)>> = BTreeMap::new();
    for write in writes {
        let Write::Change(change) = write else { continue };
        for branch in &change.branches {
            alike.entry((branch.status.as_str(), branch.at.whole_seconds())).or_default().push((change, branch));
        }
    }
    for ((status, at), branches) in alike {
        for branches in branches.chunks(BRANCHES_MAX) {
            change_alike(&mut transaction.script, status, at, branches);
            transaction.send_if_long().await?;
        }
    }
    Ok(())
}

fn change_alike(script: &mut Script, status: &str, at: i64, branches: &[(&Change, &BranchChange)]) {
    // Forces the index: for a small table the planner would read all of it, and wait for locks of others.
    script
        .sql("UPDATE trans_branch_op FORCE INDEX (gid_uniq) SET status = ")
        .str(status)
        .sql(", finish_time = ")
        .moment(Some(at))
        .sql(", update_time = ")
        .moment(Some(at))
        .sql(" WHERE status = 'prepared' AND (");
    for (number, (change, branch)) in branches.iter().enumerate() {
        script
            .sql(if number == 0 { "(gid = " } else { " OR (gid = " })
            .str(change.gid.as_str())
            .sql(" AND branch_id = ")
            .str(branch.branch_id.as_str())
            .sql(" AND op = ")
            .str(branch.op.as_str())
            .sql(")");
    }
    script.sql(")").end();
}

fn park(script: &mut Script, gid: &str, reason: &str) {
    script
        .sql("UPDATE trans_global SET next_cron_time = '9999-12-31 00:00:00', owner = '', result = LEFT(")
        .str(reason)
        .sql(", 1024) WHERE gid = ")
        .str(gid)
        .end();
}
