//! The statements that write. A batch is one fixed script, with its values as JSON: one round trip to the thread that has
//! the connection, which costs more than the statements do.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use futures_util::TryStreamExt;
use serde_json::{Value, json};
use sqlx::{Connection, Either, Row as _, SqliteConnection};

use crate::engine::{Definition, State, Time};
use crate::store::{Change, KvPut, Outcome, ResetDue, Take, Write};

/// Its values, each an array of arrays: transactions to create, their branches, the transactions once more; changes, the
/// same once more, changes of branches; rows to park.
///
/// What applies is asked before it is done, in the same transaction: one row instead of one for each write. The
/// branches go first, as long as it can be seen that their transaction is new. A change whose row is already as it should
/// become counts as applied: so the script may be executed twice. That a branch is done stays true, also if its
/// transaction has moved on meanwhile.
const SCRIPT: &str = "\
BEGIN IMMEDIATE;
SELECT json_group_array(c.key) FROM json_each(?) AS c
    WHERE NOT EXISTS (SELECT 1 FROM trans_global WHERE gid = c.value ->> 0);
INSERT INTO trans_branch_op (gid, branch_id, op, url, bin_data, status, create_time, update_time, finish_time)
    SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, unhex(value ->> 4), value ->> 5, value ->> 6,
        value ->> 6, value ->> 7
    FROM json_each(?) WHERE NOT EXISTS (SELECT 1 FROM trans_global WHERE gid = value ->> 0);
INSERT INTO trans_global (gid, trans_type, status, query_prepared, protocol, create_time, update_time, finish_time,
        options, custom_data, next_cron_interval, next_cron_time, owner, ext_data)
    SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, 'http', value ->> 4, value ->> 4, value ->> 5,
        value ->> 6, value ->> 7, value ->> 8, value ->> 9, value ->> 10, value ->> 11
    FROM json_each(?) WHERE true ON CONFLICT (gid) DO NOTHING;
SELECT json_group_array(c.key) FROM json_each(?) AS c CROSS JOIN trans_global AS g
    WHERE g.gid = c.value ->> 0 AND ((g.status = c.value ->> 1 AND g.owner = c.value ->> 2)
        OR (g.status = c.value ->> 3 AND g.owner = c.value ->> 4));
UPDATE trans_global SET status = c.value ->> 3, owner = c.value ->> 4, next_cron_interval = c.value ->> 5,
        next_cron_time = c.value ->> 6, finish_time = c.value ->> 7, rollback_time = c.value ->> 8,
        rollback_reason = c.value ->> 9, update_time = c.value ->> 10
    FROM json_each(?) AS c
    WHERE gid = c.value ->> 0 AND ((status = c.value ->> 1 AND owner = c.value ->> 2)
        OR (status = c.value ->> 3 AND owner = c.value ->> 4));
UPDATE trans_branch_op SET status = c.value ->> 3, finish_time = c.value ->> 4, update_time = c.value ->> 4
    FROM json_each(?) AS c
    WHERE gid = c.value ->> 0 AND branch_id = c.value ->> 1 AND op = c.value ->> 2 AND status = 'prepared';
UPDATE trans_global SET next_cron_time = c.value ->> 2, owner = '', result = substr(c.value ->> 1, 1, 1024)
    FROM json_each(?) AS c WHERE gid = c.value ->> 0;
COMMIT;";

/// How many statements the script has, the COMMIT among them.
const STATEMENTS: usize = 9;

/// Why a script did not succeed.
pub(super) enum ScriptError {
    /// Before its COMMIT: nothing was written, and its transaction may be open.
    Before(sqlx::Error),
    /// At its COMMIT: it may be written, or not.
    AtCommit(sqlx::Error),
}

/// Executes the writes, and commits them.
pub(super) async fn execute(connection: &mut SqliteConnection, writes: &[Write]) -> Result<Vec<Outcome>, ScriptError> {
    let batch = Batch::of(writes);
    let (to_create, to_change) = (text(batch.creates), text(batch.changes));
    let query = sqlx::query(SCRIPT)
        .bind(to_create.clone())
        .bind(text(batch.branches))
        .bind(to_create)
        .bind(to_change.clone())
        .bind(to_change)
        .bind(text(batch.changed_branches))
        .bind(text(batch.parks));
    let mut done = 0;
    let mut applied: Vec<HashSet<usize>> = Vec::with_capacity(2);
    let mut results = sqlx::Executor::fetch_many(connection, query);
    loop {
        match results.try_next().await {
            Ok(Some(Either::Left(_))) => done += 1,
            Ok(Some(Either::Right(row))) => applied.push(keys(&row).map_err(ScriptError::Before)?),
            Ok(None) => break,
            Err(error) if done + 1 == STATEMENTS => return Err(ScriptError::AtCommit(error)),
            Err(error) => return Err(ScriptError::Before(error)),
        }
    }
    let [created, changed] = &applied[..] else {
        return Err(ScriptError::AtCommit(sqlx::Error::Protocol("the script gave no outcomes".to_owned())));
    };
    let outcome = |place: &Place| match place {
        Place::Create(key) if created.contains(key) => Outcome::Applied,
        Place::Change(key) if changed.contains(key) => Outcome::Applied,
        Place::Park => Outcome::Applied,
        Place::Create(_) | Place::Change(_) | Place::Twice => Outcome::Conflict,
    };
    Ok(batch.places.iter().map(outcome).collect())
}

fn text(values: Vec<Value>) -> Arc<str> {
    Value::Array(values).to_string().into()
}

/// Bytes as hexadecimal digits: a text of SQLite's has no NUL in it.
fn hex(bytes: &[u8]) -> String {
    let digit = |digit: u8| char::from(b"0123456789abcdef"[usize::from(digit)]);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 0xf)]).collect()
}

fn keys(row: &sqlx::sqlite::SqliteRow) -> Result<HashSet<usize>, sqlx::Error> {
    serde_json::from_str(row.try_get(0)?).map_err(|error| sqlx::Error::Decode(Box::new(error)))
}

/// Where in the script's values a write stands.
enum Place {
    Create(usize),
    Change(usize),
    Park,
    /// A second creation of a gid in one batch.
    Twice,
}

/// All that a batch writes, as the script's values.
#[derive(Default)]
struct Batch {
    places: Vec<Place>,
    creates: Vec<Value>,
    branches: Vec<Value>,
    changes: Vec<Value>,
    changed_branches: Vec<Value>,
    parks: Vec<Value>,
}

impl Batch {
    fn of(writes: &[Write]) -> Self {
        let mut batch = Self::default();
        let mut created: HashSet<&str> = HashSet::new();
        let mut changed: HashMap<&str, usize> = HashMap::new();
        for write in writes {
            let place = match write {
                Write::Create { definition, state, owner } if created.insert(definition.gid.as_str()) => {
                    batch.create(definition, state, owner)
                }
                Write::Create { .. } => Place::Twice,
                Write::Change(change) => batch.change(change, &mut changed),
                Write::Park { gid, reason } => {
                    batch.parks.push(json!([gid, reason, Time::MAX.as_millis()]));
                    Place::Park
                }
            };
            batch.places.push(place);
        }
        batch
    }

    fn create(&mut self, definition: &Definition, state: &State, owner: &str) -> Place {
        let created = definition.created.as_millis();
        let ended = state.ended.map(Time::as_millis);
        self.creates.push(json!([
            definition.gid,
            definition.trans_type,
            state.status,
            definition.query_prepared,
            created,
            ended,
            definition.options,
            definition.custom_data,
            i64::try_from(state.interval.as_millis()).unwrap_or(i64::MAX),
            state.due.as_millis(),
            owner,
            definition.ext_data,
        ]));
        for (branch, branch_state) in definition.branches.iter().zip(&state.branches) {
            self.branches.push(json!([
                definition.gid,
                branch.branch_id,
                branch.op,
                branch.url,
                hex(&branch.payload),
                branch_state.status,
                created,
                branch_state.finished.map(Time::as_millis),
            ]));
        }
        Place::Create(self.creates.len() - 1)
    }

    /// An UPDATE changes a row once. The progress of a run may stand before its end in one batch: then the end's columns
    /// hold, and the branches of both.
    fn change<'a>(&mut self, change: &'a Change, changed: &mut HashMap<&'a str, usize>) -> Place {
        let (finish_time, rollback_time) = change.end_times();
        let value = json!([
            change.gid,
            change.from,
            change.from_owner,
            change.status,
            change.owner,
            change.interval_ms,
            change.due.as_millis(),
            finish_time,
            rollback_time,
            change.rollback_reason,
            change.at.as_millis(),
        ]);
        for branch in &change.branches {
            let at = branch.at.as_millis();
            self.changed_branches.push(json!([change.gid, branch.branch_id, branch.op, branch.status, at]));
        }
        let key = *changed.entry(change.gid.as_str()).or_insert(self.changes.len());
        if key == self.changes.len() {
            self.changes.push(value);
        } else {
            self.changes[key] = value;
        }
        Place::Change(key)
    }
}

pub(super) async fn take(connection: &mut SqliteConnection, take: &Take) -> Result<Vec<String>, sqlx::Error> {
    sqlx::query_scalar(
        "UPDATE trans_global SET next_cron_time = ?, owner = ? WHERE id IN (SELECT id FROM trans_global \
         WHERE status IN ('prepared', 'aborting', 'submitted') AND next_cron_time <= ? \
         ORDER BY next_cron_time LIMIT ?) RETURNING gid",
    )
    .bind(take.until.as_millis())
    .bind(take.owner.as_str())
    .bind(take.now.as_millis())
    .bind(take.limit)
    .fetch_all(connection)
    .await
}

pub(super) async fn release_all(connection: &mut SqliteConnection, now: Time) -> Result<(), sqlx::Error> {
    sqlx::query(
        "UPDATE trans_global SET next_cron_time = ?, owner = '' \
         WHERE status IN ('prepared', 'aborting', 'submitted') AND owner <> ''",
    )
    .bind(now.as_millis())
    .execute(connection)
    .await?;
    Ok(())
}

/// Also autocommitted, and so durable.
pub(super) async fn reset_due(
    connection: &mut SqliteConnection,
    now: Time,
    later_than: Time,
    limit: u32,
) -> Result<ResetDue, sqlx::Error> {
    let done = sqlx::query(
        "UPDATE trans_global SET next_cron_time = ? WHERE id IN (SELECT id FROM trans_global \
         WHERE status IN ('prepared', 'aborting', 'submitted') AND next_cron_time > ? AND owner = '' LIMIT ?)",
    )
    .bind(now.as_millis())
    .bind(later_than.as_millis())
    .bind(limit)
    .execute(&mut *connection)
    .await?;
    let has_remaining = sqlx::query_scalar(
        "SELECT EXISTS (SELECT 1 FROM trans_global \
         WHERE status IN ('prepared', 'aborting', 'submitted') AND next_cron_time > ? AND owner = '')",
    )
    .bind(later_than.as_millis())
    .fetch_one(connection)
    .await?;
    Ok(ResetDue { succeed_count: done.rows_affected(), has_remaining })
}

pub(super) async fn kv_put(connection: &mut SqliteConnection, put: &KvPut) -> Result<Outcome, sqlx::Error> {
    let at = put.at.as_millis();
    let query = match (&put.v, put.version) {
        (Some(v), None) => sqlx::query(
            "INSERT INTO kv (v, version, create_time, update_time, cat, k) VALUES (?, 1, ?, ?, ?, ?) \
             ON CONFLICT (cat, k) DO NOTHING",
        )
        .bind(v.as_str())
        .bind(at)
        .bind(at)
        .bind(put.cat.as_str())
        .bind(put.k.as_str()),
        (Some(v), Some(version)) => sqlx::query(
            "UPDATE kv SET v = ?, version = version + 1, update_time = ? WHERE cat = ? AND k = ? AND version = ?",
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
pub(super) async fn remove(connection: &mut SqliteConnection, ids: &[i64]) -> Result<(), sqlx::Error> {
    let ids = serde_json::Value::from(ids).to_string();
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
    for sql in [
        "DELETE FROM trans_branch_op WHERE gid IN \
         (SELECT gid FROM trans_global WHERE id IN (SELECT value FROM json_each(?)) AND status IN ('succeed', 'failed'))",
        "DELETE FROM trans_global WHERE id IN (SELECT value FROM json_each(?)) AND status IN ('succeed', 'failed')",
    ] {
        sqlx::query(sql).bind(ids.as_str()).execute(&mut *transaction).await?;
    }
    transaction.commit().await
}
