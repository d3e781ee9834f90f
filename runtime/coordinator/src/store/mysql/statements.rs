//! The statements that write. A batch is one text of many statements with its COMMIT, and so one round trip: no lock is
//! held while the database waits for us, who may have stopped.

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use sqlx::MySqlConnection;

use super::insert;
use super::script::Script;
use super::transaction::{Transaction, run};
use crate::engine::Time;
use crate::store::{BranchChange, Change, KvPut, Outcome, ResetDue, Take, Write};

/// Executes the writes; they are committed when it returns. If they are `in_doubt`, that is if they may be executed
/// already, a row that is as it should become counts as changed.
pub(super) async fn execute(
    connection: &mut MySqlConnection,
    time_zone_s: i32,
    writes: &[Write],
    in_doubt: bool,
) -> Result<Vec<Outcome>, sqlx::Error> {
    let done = execute_all_but(&HashSet::new(), connection, time_zone_s, writes, in_doubt).await;
    let Err(sqlx::Error::Database(error)) = &done else { return done };
    if !error.is_unique_violation() {
        return done;
    }
    // Most gids are new, and so that is found out only here: an `INSERT IGNORE` would also cut what is too long, and
    // `INSERT ... SELECT` locks the whole table.
    sqlx::raw_sql("ROLLBACK").execute(&mut *connection).await?;
    let there = insert::that_are_there(connection, time_zone_s, writes).await?;
    if there.is_empty() {
        return done;
    }
    execute_all_but(&there, connection, time_zone_s, writes, in_doubt).await
}

/// Executes the writes, but does not create what is `there`.
async fn execute_all_but(
    there: &HashSet<String>,
    connection: &mut MySqlConnection,
    time_zone_s: i32,
    writes: &[Write],
    in_doubt: bool,
) -> Result<Vec<Outcome>, sqlx::Error> {
    let mut transaction = Transaction::begin(connection, time_zone_s);
    insert::insert(&mut transaction, writes, there).await?;
    let mut places = Vec::with_capacity(writes.len());
    for write in writes {
        places.push(transaction.next());
        match write {
            Write::Create { .. } => {}
            Write::Change(change) => self::change(&mut transaction.script, change, in_doubt),
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
    Ok(outcomes.map(|applied| if applied { Outcome::Applied } else { Outcome::Conflict }).collect())
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
        .str(&change.owner)
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

/// Changes the branches of all writes: by one statement for those that change alike, which costs the database much less than
/// one for each. That a branch is done stays true, also if its transaction has moved on meanwhile.
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
    // By its index: a plan that read the whole table, as suits a small one, would wait for others' locks.
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

/// In milliseconds. What is due at once is so also when rounded up: since a second.
pub(super) fn wait_ms(wait: Duration) -> i64 {
    if wait.is_zero() { -1000 } else { millis(wait) }
}

/// A century.
const SECONDS_MAX: i64 = 100 * 365 * 86_400;

pub(super) fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX).min(Time::MAX.as_millis())
}

pub(super) fn whole_seconds(millis: i64) -> i64 {
    (millis.saturating_add(999) / 1000).min(i64::from(i32::MAX))
}

/// What is due, earliest first, by the index of one status after another.
const DUE: &str = "\
    SELECT id, gid FROM ( \
    (SELECT id, gid, next_cron_time FROM trans_global WHERE status = 'submitted' AND next_cron_time <= NOW() \
     AND trans_type = 'msg' AND protocol IN ('', 'http') ORDER BY next_cron_time LIMIT ?) \
    UNION ALL \
    (SELECT id, gid, next_cron_time FROM trans_global WHERE status = 'prepared' AND next_cron_time <= NOW() \
     AND trans_type = 'msg' AND protocol IN ('', 'http') ORDER BY next_cron_time LIMIT ?) \
    UNION ALL \
    (SELECT id, gid, next_cron_time FROM trans_global WHERE status = 'aborting' AND next_cron_time <= NOW() \
     AND trans_type = 'msg' AND protocol IN ('', 'http') ORDER BY next_cron_time LIMIT ?) \
    ) AS due ORDER BY next_cron_time, id LIMIT ?";

/// Looks for what is due, and takes of it whatever nobody else has taken meanwhile.
pub(super) async fn take(
    connection: &mut MySqlConnection,
    time_zone_s: i32,
    take: &Take,
) -> Result<Vec<String>, sqlx::Error> {
    let query = sqlx::query_as(DUE).bind(take.limit).bind(take.limit).bind(take.limit).bind(take.limit);
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
    // The first is that of the transaction's start.
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
            "UPDATE trans_global SET next_cron_time = NOW() WHERE status IN ('prepared', 'aborting', 'submitted') \
             AND owner NOT LIKE 'branchwire-%' AND next_cron_time > ",
        )
        .in_millis(millis(later_than))
        .sql(" LIMIT ")
        .int(i64::from(limit))
        .end();
    let succeed_count = run(&mut *connection, script).await?.first().copied().unwrap_or(0);
    let has_remaining: i64 = sqlx::query_scalar(
        "SELECT EXISTS (SELECT 1 FROM trans_global WHERE status IN ('prepared', 'aborting', 'submitted') \
         AND owner NOT LIKE 'branchwire-%' AND next_cron_time > TIMESTAMPADD(SECOND, ?, NOW()))",
    )
    .bind(i64::try_from(later_than.as_secs()).unwrap_or(i64::MAX).min(SECONDS_MAX))
    .fetch_one(connection)
    .await?;
    Ok(ResetDue { succeed_count, has_remaining: has_remaining != 0 })
}

/// Times of the key-value table are only shown, and so by the database's clock.
pub(super) async fn kv_put(connection: &mut MySqlConnection, put: &KvPut) -> Result<Outcome, sqlx::Error> {
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
    Ok(if done.rows_affected() > 0 { Outcome::Applied } else { Outcome::Conflict })
}

/// Writes something, durably: an entry of our own that nobody reads. An update to what is there already would log nothing.
pub(super) async fn mark(connection: &mut MySqlConnection) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO kv (cat, k, v, version, create_time, update_time) VALUES ('branchwire', 'settle', '', 1, NOW(), NOW()) \
         ON DUPLICATE KEY UPDATE version = version + 1, update_time = NOW()",
    )
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
