//! The statements that create: one for many transactions, and one for many branches.

use std::collections::HashSet;

use sqlx::MySqlConnection;

use super::script::{Script, millis, wait_ms, whole_seconds};
use super::transaction::{TEXT_BYTES_MAX, Transaction};
use crate::engine::{BranchOp, BranchState, Definition, State, Time};
use crate::store::{Change, Write};

const GLOBAL: &str = "INSERT INTO trans_global (gid, trans_type, status, query_prepared, protocol, create_time, \
    update_time, finish_time, options, custom_data, next_cron_interval, next_cron_time, owner, ext_data, result, \
    rollback_reason) VALUES ";

const BRANCH: &str = "INSERT INTO trans_branch_op (gid, branch_id, op, url, data, bin_data, status, create_time, \
    update_time, finish_time) VALUES ";

const APPENDED: &str = "INSERT INTO trans_branch_op (gid, branch_id, op, url, data, bin_data, status, create_time, \
    update_time) SELECT ";

/// A transaction to create, its state, and the owner of its lease.
type Global<'a> = (&'a Definition, &'a State, &'a str);

/// A branch to create, its state, and its transaction.
type OfGlobal<'a> = (&'a Definition, &'a BranchOp, &'a BranchState);

/// Creates the transactions and branches of the writes, except for the gids in `there`.
pub(super) async fn insert(
    transaction: &mut Transaction<'_>,
    writes: &[Write],
    there: &HashSet<String>,
) -> Result<(), sqlx::Error> {
    let new: Vec<Global<'_>> = writes.iter().filter_map(|write| to_create(write, there)).collect();
    let branches: Vec<OfGlobal<'_>> = new.iter().flat_map(branches_of).collect();
    insert_each(transaction, GLOBAL, &new, global).await?;
    insert_each(transaction, BRANCH, &branches, branch).await
}

fn to_create<'a>(write: &'a Write, there: &HashSet<String>) -> Option<Global<'a>> {
    match write {
        Write::Create { definition, state, owner } if !there.contains(definition.gid.as_str()) => {
            Some((definition, state, owner))
        }
        Write::Create { .. } | Write::Change(_) | Write::Park { .. } => None,
    }
}

fn branches_of<'a>((definition, state, _): &Global<'a>) -> Vec<OfGlobal<'a>> {
    let pairs = definition.branches.iter().zip(&state.branches);
    pairs.map(|(branch, state)| (*definition, branch, state)).collect()
}

/// Inserts all rows by one statement, or by several if it would be very long.
async fn insert_each<T>(
    transaction: &mut Transaction<'_>,
    insert: &'static str,
    rows: &[T],
    values: fn(&mut Script, &T),
) -> Result<(), sqlx::Error> {
    let mut first = true;
    for (index, row) in rows.iter().enumerate() {
        transaction.script.sql(if first { insert } else { ", " });
        values(&mut transaction.script, row);
        first = transaction.script.bytes_len() > TEXT_BYTES_MAX || index + 1 == rows.len();
        if first {
            transaction.script.end();
            transaction.send_if_long().await?;
        }
    }
    Ok(())
}

fn global(script: &mut Script, (definition, state, owner): &Global<'_>) {
    script
        .sql("(")
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
        .in_millis(wait_ms(definition.created.until(state.due)))
        .sql(", ")
        .str(owner)
        .sql(", ")
        .str(&definition.ext_data)
        .sql(", '', '')");
}

fn branch(script: &mut Script, (definition, branch, state): &OfGlobal<'_>) {
    script
        .sql("(")
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
        .sql(")");
}

/// Appends the change's branches, if the statement just before changed its row. (An `INSERT ... SELECT` from `DUAL`
/// locks only the counter of ids, and only while it runs.)
pub(super) fn append(script: &mut Script, change: &Change) {
    if change.appended.is_empty() {
        return;
    }
    script.sql("SET @changed = ROW_COUNT()").end();
    let at = change.at.whole_seconds();
    for branch in &change.appended {
        script
            .sql(APPENDED)
            .str(change.gid.as_str())
            .sql(", ")
            .str(branch.branch_id.as_str())
            .sql(", ")
            .str(branch.op.as_str())
            .sql(", ")
            .str(&branch.url)
            .sql(", '', ")
            .bytes(&branch.payload)
            .sql(", 'prepared', ")
            .moment(Some(at))
            .sql(", ")
            .moment(Some(at))
            .sql(" FROM DUAL WHERE @changed > 0 ON DUPLICATE KEY UPDATE trans_branch_op.gid = trans_branch_op.gid")
            .end();
    }
}

/// The gids that the writes would create and that exist. A gid that only compares as equal is not included: it remains
/// an error.
pub(super) async fn that_are_there(
    connection: &mut MySqlConnection,
    time_zone_s: i32,
    writes: &[Write],
) -> Result<HashSet<String>, sqlx::Error> {
    let mut script = Script::new(time_zone_s);
    script.sql("SELECT gid FROM trans_global WHERE gid IN (''");
    for write in writes {
        if let Write::Create { definition, .. } = write {
            script.sql(", ").str(definition.gid.as_str());
        }
    }
    script.sql(")").end();
    let gids = sqlx::raw_sql(sqlx::AssertSqlSafe(script.into_text())).fetch_all(connection).await?;
    gids.iter().map(|row| sqlx::Row::try_get(row, 0)).collect()
}
