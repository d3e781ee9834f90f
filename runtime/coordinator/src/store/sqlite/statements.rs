//! The statements that write. Each changes any number of rows in one round trip to the thread that has the connection.

use std::sync::{Arc, LazyLock};

use futures_util::TryStreamExt;
use sqlx::query::Query;
use sqlx::sqlite::SqliteArguments;
use sqlx::{AssertSqlSafe, Connection, Either, Sqlite, SqliteConnection};

use crate::engine::{Branch, BranchState, Definition, State, Time};
use crate::store::{BranchChange, Change, KvPut, Outcome, ResetDue, Take, Write};

type Bound<'q> = Query<'q, Sqlite, SqliteArguments>;

/// A statement, prepared for one, eight and sixty-four sets of values.
///
/// A call into SQLite's thread costs more than the statement; so many sets of values share one.
struct Repeated([(usize, Arc<str>); 3]);

impl Repeated {
    fn new(sql: &str) -> Self {
        Self([64, 8, 1].map(|count| (count, sql.repeat(count).into())))
    }

    /// Executes it for each item; gives how many rows each changed.
    async fn execute<'a, T>(
        &self,
        connection: &mut SqliteConnection,
        mut items: &'a [T],
        bind: impl for<'q> Fn(Bound<'q>, &'a T) -> Bound<'q>,
    ) -> Result<Vec<u64>, sqlx::Error> {
        let mut changed = Vec::with_capacity(items.len());
        for (count, sql) in &self.0 {
            while items.len() >= *count {
                let (now, later) = items.split_at(*count);
                items = later;
                let query = now.iter().fold(sqlx::query(AssertSqlSafe(sql.clone())), &bind);
                let mut results = sqlx::Executor::fetch_many(&mut *connection, query);
                while let Some(result) = results.try_next().await? {
                    if let Either::Left(done) = result {
                        changed.push(done.rows_affected());
                    }
                }
            }
        }
        Ok(changed)
    }
}

static CREATE: LazyLock<Repeated> = LazyLock::new(|| {
    Repeated::new(
        "INSERT INTO trans_global (gid, trans_type, status, query_prepared, protocol, create_time, update_time, \
         finish_time, options, custom_data, next_cron_interval, next_cron_time, owner, ext_data) \
         VALUES (?, ?, ?, ?, 'http', ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (gid) DO NOTHING;",
    )
});

static CREATE_BRANCH: LazyLock<Repeated> = LazyLock::new(|| {
    Repeated::new(
        "INSERT INTO trans_branch_op (gid, branch_id, op, url, bin_data, status, create_time, update_time, \
         finish_time) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?);",
    )
});

// A row that is as it should become counts as changed: so the statement may be executed twice.
static CHANGE: LazyLock<Repeated> = LazyLock::new(|| {
    Repeated::new(
        "UPDATE trans_global SET status = ?, owner = ?, next_cron_interval = ?, next_cron_time = ?, \
         finish_time = ?, rollback_time = ?, rollback_reason = ?, update_time = ? \
         WHERE gid = ? AND ((status = ? AND owner = ?) OR (status = ? AND owner = ? AND next_cron_time = ?));",
    )
});

static CHANGE_BRANCH: LazyLock<Repeated> = LazyLock::new(|| {
    Repeated::new(
        "UPDATE trans_branch_op SET status = ?, finish_time = ?, update_time = ? \
         WHERE gid = ? AND branch_id = ? AND op = ? AND status = 'prepared';",
    )
});

static PARK: LazyLock<Repeated> = LazyLock::new(|| {
    Repeated::new(
        "UPDATE trans_global SET next_cron_time = ?, owner = '', result = ?, update_time = update_time WHERE gid = ?;",
    )
});

/// Executes the writes in a transaction that is begun here, and committed by the caller.
pub(super) async fn execute(connection: &mut SqliteConnection, writes: &[Write]) -> Result<Vec<Outcome>, sqlx::Error> {
    let mut to_create = Vec::new();
    let mut to_change = Vec::new();
    let mut to_park = Vec::new();
    for write in writes {
        match write {
            Write::Create { definition, state, owner } => to_create.push((definition.as_ref(), state, owner.as_str())),
            Write::Change(change) => to_change.push(change),
            Write::Park { gid, reason } => to_park.push((gid.as_str(), reason.as_str())),
        }
    }
    sqlx::raw_sql("BEGIN IMMEDIATE").execute(&mut *connection).await?;
    let created = create(connection, &to_create).await?;
    let changed = change(connection, &to_change).await?;
    let parked = PARK
        .execute(connection, &to_park, |query, (gid, reason)| {
            query.bind(Time::MAX.as_millis()).bind(*reason).bind(*gid)
        })
        .await?;
    let (mut created, mut changed, mut parked) = (created.into_iter(), changed.into_iter(), parked.into_iter());
    // A statement that reported nothing changed nothing.
    let outcomes = writes.iter().map(|write| match write {
        Write::Create { .. } => created.next(),
        Write::Change(_) => changed.next(),
        Write::Park { .. } => parked.next(),
    });
    Ok(outcomes.map(|rows| if rows.unwrap_or(0) > 0 { Outcome::Applied } else { Outcome::Conflict }).collect())
}

async fn create(
    connection: &mut SqliteConnection,
    to_create: &[(&Definition, &State, &str)],
) -> Result<Vec<u64>, sqlx::Error> {
    let created = CREATE
        .execute(connection, to_create, |query, (definition, state, owner)| {
            query
                .bind(definition.gid.as_str())
                .bind(definition.trans_type.as_str())
                .bind(state.status.as_str())
                .bind(definition.query_prepared.as_str())
                .bind(definition.created.as_millis())
                .bind(definition.created.as_millis())
                .bind(state.ended.map(Time::as_millis))
                .bind(definition.options.as_str())
                .bind(definition.custom_data.as_str())
                .bind(interval_ms(state))
                .bind(state.due.as_millis())
                .bind(*owner)
                .bind(definition.ext_data.as_str())
        })
        .await?;
    let branches: Vec<(&Definition, &Branch, &BranchState)> = to_create
        .iter()
        .zip(&created)
        .filter(|(_, rows)| **rows > 0)
        .flat_map(|((definition, state, _), _)| {
            definition.branches.iter().zip(&state.branches).map(|(branch, state)| (*definition, branch, state))
        })
        .collect();
    CREATE_BRANCH
        .execute(connection, &branches, |query, (definition, branch, state)| {
            query
                .bind(definition.gid.as_str())
                .bind(branch.branch_id.as_str())
                .bind(branch.op.as_str())
                .bind(branch.url.as_str())
                .bind(branch.payload.as_ref())
                .bind(state.status.as_str())
                .bind(definition.created.as_millis())
                .bind(definition.created.as_millis())
                .bind(state.finished.map(Time::as_millis))
        })
        .await?;
    Ok(created)
}

async fn change(connection: &mut SqliteConnection, to_change: &[&Change]) -> Result<Vec<u64>, sqlx::Error> {
    let changed = CHANGE
        .execute(connection, to_change, |query, change| {
            let (finish_time, rollback_time) = change.end_times();
            query
                .bind(change.status.as_str())
                .bind(change.owner.as_str())
                .bind(change.interval_ms)
                .bind(change.due.as_millis())
                .bind(finish_time)
                .bind(rollback_time)
                .bind(change.rollback_reason.as_str())
                .bind(change.at.as_millis())
                .bind(change.gid.as_str())
                .bind(change.from.as_str())
                .bind(change.from_owner.as_str())
                .bind(change.status.as_str())
                .bind(change.owner.as_str())
                .bind(change.due.as_millis())
        })
        .await?;
    // That a branch is done stays true, also if its transaction has moved on meanwhile.
    let branches: Vec<(&Change, &BranchChange)> =
        to_change.iter().flat_map(|change| change.branches.iter().map(|branch| (*change, branch))).collect();
    CHANGE_BRANCH
        .execute(connection, &branches, |query, (change, branch)| {
            query
                .bind(branch.status.as_str())
                .bind(branch.at.as_millis())
                .bind(branch.at.as_millis())
                .bind(change.gid.as_str())
                .bind(branch.branch_id.as_str())
                .bind(branch.op.as_str())
        })
        .await?;
    Ok(changed)
}

fn interval_ms(state: &State) -> i64 {
    i64::try_from(state.interval.as_millis()).unwrap_or(i64::MAX)
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
