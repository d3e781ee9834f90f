//! The statements that write. A batch is one text of many statements with its COMMIT, and so one round trip: no lock is
//! held while the database waits for us, who may have stopped.

use std::time::Duration;

use futures_util::TryStreamExt;
use sqlx::{AssertSqlSafe, Either, MySqlConnection};

use super::script::Script;
use crate::engine::{Branch, BranchState, Definition, State, Time};
use crate::store::{BranchChange, Change, KvPut, Outcome, ResetDue, Take, Write};

/// How long a text becomes, in bytes, before it is sent: databases take at least four mebibytes, of which one statement
/// may be some hundred kibibytes.
const TEXT_BYTES_MAX: usize = 1 << 20;

/// Executes a script; gives how many rows each of its statements matched or inserted.
async fn run(connection: &mut MySqlConnection, script: Script) -> Result<Vec<u64>, sqlx::Error> {
    let mut changed = Vec::with_capacity(script.len());
    let text = sqlx::raw_sql(AssertSqlSafe(script.into_text()));
    let mut results = sqlx::Executor::fetch_many(connection, text);
    while let Some(result) = results.try_next().await? {
        if let Either::Left(done) = result {
            changed.push(done.rows_affected());
        }
    }
    Ok(changed)
}

/// A transaction, sent in one text unless that would be very long.
struct Transaction<'c> {
    connection: &'c mut MySqlConnection,
    script: Script,
    changed: Vec<u64>,
}

impl<'c> Transaction<'c> {
    fn begin(connection: &'c mut MySqlConnection, time_zone_s: i32) -> Self {
        let mut script = Script::new(time_zone_s);
        script.sql("START TRANSACTION").end();
        Self { connection, script, changed: Vec::new() }
    }

    /// The place of the next statement among all.
    fn next(&self) -> usize {
        self.changed.len() + self.script.len()
    }

    async fn send_if_long(&mut self) -> Result<(), sqlx::Error> {
        if self.script.bytes_len() > TEXT_BYTES_MAX {
            self.changed.extend(run(self.connection, self.script.take()).await?);
        }
        Ok(())
    }

    /// Commits; gives how many rows each statement matched or inserted.
    async fn commit(mut self) -> Result<Vec<u64>, sqlx::Error> {
        self.script.sql("COMMIT").end();
        let statements = self.next();
        // Execution stops at the first statement that fails: an error before the COMMIT means that there was none.
        let text = sqlx::raw_sql(AssertSqlSafe(self.script.into_text()));
        let mut results = sqlx::Executor::fetch_many(self.connection, text);
        loop {
            match results.try_next().await {
                Ok(Some(Either::Left(done))) => self.changed.push(done.rows_affected()),
                Ok(Some(Either::Right(_))) => {}
                Ok(None) if self.changed.len() == statements => return Ok(self.changed),
                Ok(None) => return Err(in_doubt(&format!("{} of {statements} results", self.changed.len()))),
                Err(error) if self.changed.len() + 1 == statements => return Err(in_doubt(&error)),
                Err(error) => return Err(error),
            }
        }
    }
}

/// An error that is none of a statement's: what it is about may be committed.
fn in_doubt(error: &impl ToString) -> sqlx::Error {
    sqlx::Error::Protocol(error.to_string())
}

/// Executes the writes; they are committed when it returns. If they are `in_doubt`, that is if they may be executed
/// already, a row that is as it should become counts as changed.
pub(super) async fn execute(
    connection: &mut MySqlConnection,
    time_zone_s: i32,
    writes: &[Write],
    in_doubt: bool,
) -> Result<Vec<Outcome>, sqlx::Error> {
    let mut transaction = Transaction::begin(connection, time_zone_s);
    let mut places = Vec::with_capacity(writes.len());
    for write in writes {
        places.push(transaction.next());
        match write {
            Write::Create { definition, state, owner } => {
                create(&mut transaction.script, definition, state, owner);
                if !definition.branches.is_empty() {
                    transaction.script.sql("SET @created = ROW_COUNT()").end();
                }
                for (branch, state) in definition.branches.iter().zip(&state.branches) {
                    create_branch(&mut transaction.script, definition, branch, state);
                    transaction.send_if_long().await?;
                }
            }
            Write::Change(change) => {
                self::change(&mut transaction.script, change, in_doubt);
                // That a branch is done stays true, also if its transaction has moved on meanwhile.
                change.branches.iter().for_each(|branch| change_branch(&mut transaction.script, change, branch));
            }
            Write::Park { gid, reason } => park(&mut transaction.script, gid, reason),
        }
        transaction.send_if_long().await?;
    }
    let changed = transaction.commit().await?;
    let outcome = |place: usize| if changed[place] > 0 { Outcome::Applied } else { Outcome::Conflict };
    Ok(places.into_iter().map(outcome).collect())
}

/// Inserts nothing if the gid is there already. (`INSERT IGNORE` would also cut what is too long.) Where two coordinators
/// insert it at the same time one gets an error of the key, and finds the row when it tries again.
fn create(script: &mut Script, definition: &Definition, state: &State, owner: &str) {
    script
        .sql(
            "INSERT INTO trans_global (gid, trans_type, status, query_prepared, protocol, create_time, \
             update_time, finish_time, options, custom_data, next_cron_interval, next_cron_time, owner, ext_data, \
             result, rollback_reason) SELECT ",
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
        .in_millis(wait_ms(definition.created.until(state.due)))
        .sql(", ")
        .str(owner)
        .sql(", ")
        .str(&definition.ext_data)
        .sql(", '', '' FROM DUAL WHERE NOT EXISTS (SELECT 1 FROM trans_global WHERE gid = ")
        .str(definition.gid.as_str())
        .sql(")")
        .end();
}

/// Inserts a branch if its transaction was inserted just now.
fn create_branch(script: &mut Script, definition: &Definition, branch: &Branch, state: &BranchState) {
    script
        .sql(
            "INSERT INTO trans_branch_op (gid, branch_id, op, url, data, bin_data, status, create_time, update_time, \
             finish_time) SELECT ",
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
        .sql(" FROM DUAL WHERE @created > 0")
        .end();
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

/// In milliseconds. What is due at once is so also when rounded up: since a second.
fn wait_ms(wait: Duration) -> i64 {
    if wait.is_zero() { -1000 } else { millis(wait) }
}

/// A century.
const SECONDS_MAX: i64 = 100 * 365 * 86_400;

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX).min(Time::MAX.as_millis())
}

fn whole_seconds(millis: i64) -> i64 {
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
