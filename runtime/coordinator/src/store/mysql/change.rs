//! The statements that change.

use std::collections::BTreeMap;

use super::script::{Script, wait_ms, whole_seconds};
use super::transaction::Transaction;
use crate::engine::Time;
use crate::store::{BranchChange, Change, Write};

/// Waits are rounded up to this, in milliseconds, so that more changes are alike. The column has whole seconds.
const WAIT_UNIT_MS: i64 = 100;

/// How many rows one statement changes.
pub(super) const ROWS_MAX: usize = 128;

/// Begins the statement that changes a transaction; [`of_gids`] ends it. If it is `in_doubt`, a row that already has
/// the new values counts as changed.
pub(super) fn update(script: &mut Script, change: &Change, in_doubt: bool) {
    let (finish_time, rollback_time) = change.end_times();
    let seconds = |millis: i64| Time::from_millis(millis).whole_seconds();
    // Forces the index: for a small table the planner would read all of it, and wait for locks of others.
    script
        .sql("UPDATE trans_global FORCE INDEX (gid) SET next_cron_interval = ")
        .int(whole_seconds(change.interval_ms))
        .sql(", next_cron_time = ")
        .in_millis(rounded_up(wait_ms(change.wait())))
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
    script.sql(" WHERE ((status = ").str(change.from.as_str()).sql(" AND owner = ").str(&change.from_owner);
    if change.takes_over() {
        script.sql(" AND next_cron_time <= NOW()");
    }
    script.sql(")");
    if in_doubt {
        script.sql(" OR (status = ").str(change.status.as_str()).sql(" AND owner = ").str(&change.owner).sql(")");
    }
    script.sql(") AND gid IN (");
}

/// Ends the statement: it changes these transactions.
pub(super) fn of_gids(script: &mut Script, gids: &[&str]) {
    for (number, gid) in gids.iter().enumerate() {
        script.sql(if number == 0 { "" } else { ", " }).str(gid);
    }
    script.sql(")").end();
}

fn rounded_up(wait_ms: i64) -> i64 {
    wait_ms.saturating_add(WAIT_UNIT_MS - 1).div_euclid(WAIT_UNIT_MS) * WAIT_UNIT_MS
}

/// Changes the branches of all writes. Branches with equal changes share a statement, which costs the database much
/// less than one for each. A branch that is done stays done, even if its transaction has changed in the meantime.
pub(super) async fn branches(transaction: &mut Transaction<'_>, writes: &[Write]) -> Result<(), sqlx::Error> {
    let mut alike: BTreeMap<(&str, i64), Vec<(&Change, &BranchChange)>> = BTreeMap::new();
    for write in writes {
        let Write::Change(change) = write else { continue };
        for branch in &change.branches {
            alike.entry((branch.status.as_str(), branch.at.whole_seconds())).or_default().push((change, branch));
        }
    }
    for ((status, at), branches) in alike {
        for branches in branches.chunks(ROWS_MAX) {
            alike_branches(&mut transaction.script, status, at, branches);
            transaction.send_if_long().await?;
        }
    }
    Ok(())
}

fn alike_branches(script: &mut Script, status: &str, at: i64, branches: &[(&Change, &BranchChange)]) {
    // Forces the index, as above.
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

pub(super) fn park(script: &mut Script, gid: &str, reason: &str) {
    script
        .sql("UPDATE trans_global SET next_cron_time = '9999-12-31 00:00:00', owner = '', result = LEFT(")
        .str(reason)
        .sql(", 1024) WHERE gid = ")
        .str(gid)
        .end();
}
