//! The statements that create: one for many transactions, and one for many branches.

use std::collections::HashSet;

use branchwire_protocol::{Gid, Status};
use sqlx::MySqlConnection;

use super::script::{Script, millis, wait_ms, whole_seconds};
use super::transaction::{TEXT_BYTES_MAX, Transaction};
use crate::engine::{BranchOp, Definition, State, Time};
use crate::store::{Change, Write};

const GLOBAL: &str = "INSERT INTO trans_global (gid, trans_type, status, query_prepared, protocol, create_time, \
    update_time, finish_time, options, custom_data, next_cron_interval, next_cron_time, owner, ext_data, result, \
    rollback_reason) VALUES ";

const BRANCH: &str = "INSERT INTO trans_branch_op (gid, branch_id, op, url, data, bin_data, status, create_time, \
    update_time, finish_time) VALUES ";

const APPENDED: &str = "INSERT INTO trans_branch_op (gid, branch_id, op, url, data, bin_data, status, create_time, \
    update_time) SELECT ";

/// The change of the transaction's row, and the note whether it was changed.
const STATEMENTS_BEFORE_APPENDED: usize = 2;

/// A transaction to create, its state, and the owner of its lease.
type Global<'a> = (&'a Definition, &'a State, &'a str);

/// A branch to create.
pub(super) struct NewBranch<'a> {
    gid: &'a Gid,
    branch: &'a BranchOp,
    status: Status,
    at: Time,
    finished: Option<Time>,
}

/// Creates the transactions of the writes, except for the gids in `there`.
pub(super) async fn transactions(
    transaction: &mut Transaction<'_>,
    writes: &[Write],
    there: &HashSet<String>,
) -> Result<(), sqlx::Error> {
    let new: Vec<Global<'_>> = to_create(writes, there).collect();
    insert_each(transaction, GLOBAL, &new, global).await
}

/// Creates branches.
pub(super) async fn branches(transaction: &mut Transaction<'_>, branches: &[NewBranch<'_>]) -> Result<(), sqlx::Error> {
    insert_each(transaction, BRANCH, branches, branch).await
}

/// Whether the write is the creation of a gid in `there`.
pub(super) fn is_there(write: &Write, there: &HashSet<String>) -> bool {
    matches!(write, Write::Create { definition, .. } if there.contains(definition.gid.as_str()))
}

fn to_create<'a>(writes: &'a [Write], there: &HashSet<String>) -> impl Iterator<Item = Global<'a>> {
    writes.iter().filter(move |write| !is_there(write, there)).filter_map(|write| match write {
        Write::Create { definition, state, owner } => Some((definition.as_ref(), state, owner.as_str())),
        Write::Change(_) | Write::Park { .. } => None,
    })
}

/// The branches of the transactions to create.
pub(super) fn of_created<'a>(writes: &'a [Write], there: &HashSet<String>) -> Vec<NewBranch<'a>> {
    let mut branches = Vec::new();
    for (definition, state, _) in to_create(writes, there) {
        let pairs = definition.branches.iter().zip(&state.branches);
        branches.extend(pairs.map(|(branch, state)| NewBranch {
            gid: &definition.gid,
            branch,
            status: state.status,
            at: definition.created,
            finished: state.finished,
        }));
    }
    branches
}

/// The branches that the changes append.
pub(super) fn of_changed(writes: &[Write]) -> Vec<NewBranch<'_>> {
    let mut branches = Vec::new();
    for write in writes {
        let Write::Change(change) = write else { continue };
        branches.extend(change.appended.iter().map(|branch| NewBranch {
            gid: &change.gid,
            branch,
            status: Status::Prepared,
            at: change.at,
            finished: None,
        }));
    }
    branches
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
        .sql(", ")
        .str(definition.protocol.as_str())
        .sql(", ")
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

fn branch(script: &mut Script, new: &NewBranch<'_>) {
    script
        .sql("(")
        .str(new.gid.as_str())
        .sql(", ")
        .str(new.branch.branch_id.as_str())
        .sql(", ")
        .str(new.branch.op.as_str())
        .sql(", ")
        .str(&new.branch.url)
        .sql(", '', ")
        .bytes(&new.branch.payload)
        .sql(", ")
        .str(new.status.as_str())
        .sql(", ")
        .moment(Some(new.at.whole_seconds()))
        .sql(", ")
        .moment(Some(new.at.whole_seconds()))
        .sql(", ")
        .moment(new.finished.map(Time::whole_seconds))
        .sql(")");
}

/// Appends the change's branches, if the statement just before changed its row, and if they do not exist. (An
/// `INSERT ... SELECT` from `DUAL` locks only the counter of ids, and only while it runs.)
///
/// Whoever appends holds the lock on the transaction's row, and each statement sees what was committed before it began:
/// so no other coordinator can add the same branch in between.
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
            .sql(" FROM DUAL WHERE @changed > 0 AND NOT EXISTS (SELECT 1 FROM trans_branch_op WHERE gid = ")
            .str(change.gid.as_str())
            .sql(" AND branch_id = ")
            .str(branch.branch_id.as_str())
            .sql(" AND op = ")
            .str(branch.op.as_str())
            .sql(")")
            .end();
    }
}

/// Whether all of the change's branches were appended. `changed` has a number for each statement, from that of the
/// transaction's row on.
pub(super) fn appended(changed: &[u64], change: &Change) -> bool {
    changed.iter().skip(STATEMENTS_BEFORE_APPENDED).take(change.appended.len()).all(|rows| *rows > 0)
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
