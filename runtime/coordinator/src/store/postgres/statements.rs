//! The statements that write. A batch is one statement, whatever it has in it, and so one round trip and one commit.

use std::collections::HashMap;
use std::time::Duration;

use sqlx::PgConnection;

use crate::engine::{State, Time};
use crate::store::{BranchChange, Change, KvPut, Outcome, ResetDue, Take, Write};

/// Times are whole seconds in DTM's tables, and rounded up: what waits never waits too short.
///
/// Rows are found by `ANY` and not by a join: a join could be planned to go through the whole table, which is right as
/// long as that is small, and is kept when it has become large.
const WRITE: &str = "\
WITH new AS (
    INSERT INTO trans_global (gid, trans_type, status, query_prepared, protocol, create_time, update_time,
        finish_time, options, custom_data, next_cron_interval, next_cron_time, owner, ext_data, result, rollback_reason)
    SELECT c.gid, c.trans_type, c.status, c.query_prepared, 'http', to_timestamp(c.at), to_timestamp(c.at),
        to_timestamp(c.ended), c.options, c.custom_data, c.next_cron_interval,
        to_timestamp(ceil(extract(epoch FROM now()) + c.wait)), c.owner, c.ext_data, '', ''
    FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::float8[], $6::float8[], $7::text[], $8::text[],
        $9::int[], $10::float8[], $11::text[], $12::text[]) WITH ORDINALITY
        AS c (gid, trans_type, status, query_prepared, at, ended, options, custom_data, next_cron_interval, wait,
            owner, ext_data, n)
    ORDER BY c.n
    ON CONFLICT (gid) DO NOTHING
    RETURNING gid
), new_branches AS (
    INSERT INTO trans_branch_op (gid, branch_id, op, url, data, bin_data, status, create_time, update_time, finish_time)
    SELECT b.gid, b.branch_id, b.op, b.url, '', b.bin_data, b.status, to_timestamp(b.at), to_timestamp(b.at),
        to_timestamp(b.finished)
    FROM unnest($13::text[], $14::text[], $15::text[], $16::text[], $17::bytea[], $18::text[], $19::float8[],
        $20::float8[]) WITH ORDINALITY AS b (gid, branch_id, op, url, bin_data, status, at, finished, n)
    JOIN new ON new.gid = b.gid
    ORDER BY b.n
), changed AS (
    UPDATE trans_global g SET (status, owner, next_cron_interval, next_cron_time, finish_time, rollback_time,
            rollback_reason, update_time) = (
        SELECT c.status, c.owner, c.next_cron_interval, to_timestamp(ceil(extract(epoch FROM now()) + c.wait)),
            to_timestamp(c.finished), to_timestamp(c.rolled_back), c.rollback_reason, to_timestamp(c.at)
        FROM unnest($21::text[], $24::text[], $25::text[], $26::int[], $27::float8[], $28::float8[], $29::float8[],
            $30::text[], $31::float8[])
            AS c (gid, status, owner, next_cron_interval, wait, finished, rolled_back, rollback_reason, at)
        WHERE c.gid = g.gid)
    WHERE g.gid = ANY ($21::text[]) AND (
        SELECT (g.status = c.from_status AND g.owner = c.from_owner AND (NOT c.takes_over OR g.next_cron_time <= now()))
            OR ($40 AND g.status = c.status AND g.owner = c.owner)
        FROM unnest($21::text[], $22::text[], $23::text[], $24::text[], $25::text[], $39::bool[])
            AS c (gid, from_status, from_owner, status, owner, takes_over)
        WHERE c.gid = g.gid)
    RETURNING g.gid
), changed_branches AS (
    UPDATE trans_branch_op b SET (status, finish_time, update_time) = (
        SELECT c.status, to_timestamp(c.at), to_timestamp(c.at)
        FROM unnest($32::text[], $33::text[], $34::text[], $35::text[], $36::float8[])
            AS c (gid, branch_id, op, status, at)
        WHERE c.gid = b.gid AND c.branch_id = b.branch_id AND c.op = b.op LIMIT 1)
    WHERE b.gid = ANY ($32::text[]) AND b.status = 'prepared' AND (
        SELECT true FROM unnest($32::text[], $33::text[], $34::text[]) AS c (gid, branch_id, op)
        WHERE c.gid = b.gid AND c.branch_id = b.branch_id AND c.op = b.op LIMIT 1)
), parked AS (
    UPDATE trans_global g SET next_cron_time = to_timestamp(253402300799), owner = '', result = (
        SELECT left(p.reason, 1024) FROM unnest($37::text[], $38::text[]) AS p (gid, reason) WHERE p.gid = g.gid LIMIT 1)
    WHERE g.gid = ANY ($37::text[])
    RETURNING g.gid
)
SELECT gid FROM new UNION ALL SELECT gid FROM changed UNION ALL SELECT gid FROM parked";

/// Columns of the rows to create.
#[derive(Default)]
struct News<'a> {
    gid: Vec<&'a str>,
    trans_type: Vec<&'a str>,
    status: Vec<&'a str>,
    query_prepared: Vec<&'a str>,
    at: Vec<f64>,
    ended: Vec<Option<f64>>,
    options: Vec<&'a str>,
    custom_data: Vec<&'a str>,
    next_cron_interval: Vec<i32>,
    wait: Vec<f64>,
    owner: Vec<&'a str>,
    ext_data: Vec<&'a str>,
}

/// Columns of their branches.
#[derive(Default)]
struct NewBranches<'a> {
    gid: Vec<&'a str>,
    branch_id: Vec<&'a str>,
    op: Vec<&'a str>,
    url: Vec<&'a str>,
    bin_data: Vec<&'a [u8]>,
    status: Vec<&'a str>,
    at: Vec<f64>,
    finished: Vec<Option<f64>>,
}

/// Columns of the rows to change.
#[derive(Default)]
struct Changes<'a> {
    gid: Vec<&'a str>,
    from_status: Vec<&'a str>,
    from_owner: Vec<&'a str>,
    status: Vec<&'a str>,
    owner: Vec<&'a str>,
    next_cron_interval: Vec<i32>,
    wait: Vec<f64>,
    finished: Vec<Option<f64>>,
    rolled_back: Vec<Option<f64>>,
    rollback_reason: Vec<&'a str>,
    at: Vec<f64>,
    takes_over: Vec<bool>,
}

/// Columns of the branches to change.
#[derive(Default)]
struct ChangedBranches<'a> {
    gid: Vec<&'a str>,
    branch_id: Vec<&'a str>,
    op: Vec<&'a str>,
    status: Vec<&'a str>,
    at: Vec<f64>,
}

/// All that a batch writes, by column.
#[derive(Default)]
struct Batch<'a> {
    news: News<'a>,
    new_branches: NewBranches<'a>,
    changes: Changes<'a>,
    changed_branches: ChangedBranches<'a>,
    parked: (Vec<&'a str>, Vec<&'a str>),
}

/// Executes the writes; they are committed when it returns. If they are `in_doubt`, that is if they may be executed
/// already, a row that is as it should become counts as changed.
pub(super) async fn execute(
    connection: &mut PgConnection,
    writes: &[Write],
    in_doubt: bool,
) -> Result<Vec<Outcome>, sqlx::Error> {
    let Batch { news, new_branches, changes, changed_branches, parked } = Batch::of(writes);
    let applied: Vec<String> = sqlx::query_scalar(WRITE)
        .bind(news.gid)
        .bind(news.trans_type)
        .bind(news.status)
        .bind(news.query_prepared)
        .bind(news.at)
        .bind(news.ended)
        .bind(news.options)
        .bind(news.custom_data)
        .bind(news.next_cron_interval)
        .bind(news.wait)
        .bind(news.owner)
        .bind(news.ext_data)
        .bind(new_branches.gid)
        .bind(new_branches.branch_id)
        .bind(new_branches.op)
        .bind(new_branches.url)
        .bind(new_branches.bin_data)
        .bind(new_branches.status)
        .bind(new_branches.at)
        .bind(new_branches.finished)
        .bind(changes.gid)
        .bind(changes.from_status)
        .bind(changes.from_owner)
        .bind(changes.status)
        .bind(changes.owner)
        .bind(changes.next_cron_interval)
        .bind(changes.wait)
        .bind(changes.finished)
        .bind(changes.rolled_back)
        .bind(changes.rollback_reason)
        .bind(changes.at)
        .bind(changed_branches.gid)
        .bind(changed_branches.branch_id)
        .bind(changed_branches.op)
        .bind(changed_branches.status)
        .bind(changed_branches.at)
        .bind(parked.0)
        .bind(parked.1)
        .bind(changes.takes_over)
        .bind(in_doubt)
        .fetch_all(connection)
        .await?;
    let applied: std::collections::HashSet<&str> = applied.iter().map(String::as_str).collect();
    let outcome = |write: &Write| if applied.contains(write.gid()) { Outcome::Applied } else { Outcome::Conflict };
    Ok(writes.iter().map(outcome).collect())
}

impl<'a> Batch<'a> {
    fn of(writes: &'a [Write]) -> Self {
        let mut batch = Self::default();
        // An UPDATE changes a row once. The progress of a run may stand before its end in one batch: then the end's
        // columns hold, and the branches of both.
        let mut last: HashMap<&str, &Change> = HashMap::new();
        for write in writes {
            match write {
                Write::Create { .. } => batch.create(write),
                Write::Change(change) => {
                    last.insert(change.gid.as_str(), change);
                    change.branches.iter().for_each(|branch| batch.change_branch(change, branch));
                }
                Write::Park { gid, reason } => {
                    batch.parked.0.push(gid);
                    batch.parked.1.push(reason);
                }
            }
        }
        for change in last.values() {
            batch.change(change);
        }
        batch
    }

    fn create(&mut self, write: &'a Write) {
        let Write::Create { definition, state, owner } = write else { return };
        let at = seconds(definition.created);
        let news = &mut self.news;
        news.gid.push(definition.gid.as_str());
        news.trans_type.push(definition.trans_type.as_str());
        news.status.push(state.status.as_str());
        news.query_prepared.push(&definition.query_prepared);
        news.at.push(at);
        news.ended.push(state.ended.map(seconds));
        news.options.push(&definition.options);
        news.custom_data.push(&definition.custom_data);
        news.next_cron_interval.push(interval(state));
        news.wait.push(wait_s(definition.created.until(state.due)));
        news.owner.push(owner);
        news.ext_data.push(&definition.ext_data);
        let branches = &mut self.new_branches;
        for (branch, branch_state) in definition.branches.iter().zip(&state.branches) {
            branches.gid.push(definition.gid.as_str());
            branches.branch_id.push(branch.branch_id.as_str());
            branches.op.push(branch.op.as_str());
            branches.url.push(&branch.url);
            branches.bin_data.push(&branch.payload);
            branches.status.push(branch_state.status.as_str());
            branches.at.push(at);
            branches.finished.push(branch_state.finished.map(seconds));
        }
    }

    fn change(&mut self, change: &'a Change) {
        let (finished, rolled_back) = change.end_times();
        let changes = &mut self.changes;
        changes.gid.push(change.gid.as_str());
        changes.from_status.push(change.from.as_str());
        changes.from_owner.push(&change.from_owner);
        changes.status.push(change.status.as_str());
        changes.owner.push(&change.owner);
        changes.next_cron_interval.push(whole_seconds(change.interval_ms));
        changes.wait.push(wait_s(change.wait()));
        changes.finished.push(finished.map(Time::from_millis).map(seconds));
        changes.rolled_back.push(rolled_back.map(Time::from_millis).map(seconds));
        changes.rollback_reason.push(&change.rollback_reason);
        changes.at.push(seconds(change.at));
        changes.takes_over.push(change.takes_over());
    }

    fn change_branch(&mut self, change: &'a Change, branch: &'a BranchChange) {
        let branches = &mut self.changed_branches;
        branches.gid.push(change.gid.as_str());
        branches.branch_id.push(branch.branch_id.as_str());
        branches.op.push(branch.op.as_str());
        branches.status.push(branch.status.as_str());
        branches.at.push(seconds(branch.at));
    }
}

/// In seconds. What is due at once is so also when rounded up: since a second.
fn wait_s(wait: Duration) -> f64 {
    if wait.is_zero() { -1.0 } else { wait.as_secs_f64() }
}

fn seconds(time: Time) -> f64 {
    // Exact: whole seconds up to the year 9999 are far below 2^53.
    #[expect(clippy::cast_precision_loss, reason = "see above")]
    let seconds = time.whole_seconds() as f64;
    seconds
}

fn interval(state: &State) -> i32 {
    whole_seconds(i64::try_from(state.interval.as_millis()).unwrap_or(i64::MAX))
}

fn whole_seconds(millis: i64) -> i32 {
    i32::try_from(millis.saturating_add(999) / 1000).unwrap_or(i32::MAX)
}

pub(super) async fn take(connection: &mut PgConnection, take: &Take) -> Result<Vec<String>, sqlx::Error> {
    sqlx::query_scalar(
        // Materialized: a subquery that is executed twice would lock other rows the second time.
        "WITH due AS MATERIALIZED (SELECT id FROM trans_global WHERE status IN ('prepared', 'aborting', 'submitted') \
         AND next_cron_time <= now() AND trans_type = 'msg' AND protocol IN ('', 'http') \
         ORDER BY next_cron_time LIMIT $3 FOR UPDATE SKIP LOCKED) \
         UPDATE trans_global g SET next_cron_time = to_timestamp(ceil(extract(epoch FROM now()) + $1)), owner = $2 \
         FROM due WHERE g.id = due.id RETURNING g.gid",
    )
    .bind(take.now.until(take.until).as_secs_f64())
    .bind(take.owner.as_str())
    .bind(i64::from(take.limit))
    .fetch_all(connection)
    .await
}

pub(super) async fn reset_due(
    connection: &mut PgConnection,
    later_than: Duration,
    limit: u32,
) -> Result<ResetDue, sqlx::Error> {
    let done = sqlx::query(
        "UPDATE trans_global SET next_cron_time = now() WHERE id IN (SELECT id FROM trans_global \
         WHERE status IN ('prepared', 'aborting', 'submitted') AND owner NOT LIKE 'branchwire-%' \
         AND next_cron_time > now() + make_interval(secs => $1) LIMIT $2)",
    )
    .bind(later_than.as_secs_f64())
    .bind(i64::from(limit))
    .execute(&mut *connection)
    .await?;
    let has_remaining = sqlx::query_scalar(
        "SELECT EXISTS (SELECT 1 FROM trans_global WHERE status IN ('prepared', 'aborting', 'submitted') \
         AND owner NOT LIKE 'branchwire-%' AND next_cron_time > now() + make_interval(secs => $1))",
    )
    .bind(later_than.as_secs_f64())
    .fetch_one(connection)
    .await?;
    Ok(ResetDue { succeed_count: done.rows_affected(), has_remaining })
}

pub(super) async fn kv_put(connection: &mut PgConnection, put: &KvPut) -> Result<Outcome, sqlx::Error> {
    let query = match (&put.v, put.version) {
        (Some(v), None) => sqlx::query(
            "INSERT INTO kv (cat, k, v, version, create_time, update_time) \
             VALUES ($1, $2, $3, 1, to_timestamp($4), to_timestamp($4)) ON CONFLICT (cat, k) DO NOTHING",
        )
        .bind(put.cat.as_str())
        .bind(put.k.as_str())
        .bind(v.as_str())
        .bind(seconds(put.at)),
        (Some(v), Some(version)) => sqlx::query(
            "UPDATE kv SET v = $3, version = version + 1, update_time = to_timestamp($4) \
             WHERE cat = $1 AND k = $2 AND version = $5",
        )
        .bind(put.cat.as_str())
        .bind(put.k.as_str())
        .bind(v.as_str())
        .bind(seconds(put.at))
        .bind(version),
        (None, version) => sqlx::query("DELETE FROM kv WHERE cat = $1 AND k = $2 AND version = $3")
            .bind(put.cat.as_str())
            .bind(put.k.as_str())
            .bind(version),
    };
    let done = query.execute(connection).await?;
    Ok(if done.rows_affected() > 0 { Outcome::Applied } else { Outcome::Conflict })
}

/// Removes finished transactions with their branches.
pub(super) async fn remove(connection: &mut PgConnection, ids: &[i64]) -> Result<(), sqlx::Error> {
    sqlx::query(
        "WITH gone AS (DELETE FROM trans_global WHERE id = ANY($1) AND status IN ('succeed', 'failed') RETURNING gid) \
         DELETE FROM trans_branch_op USING gone WHERE trans_branch_op.gid = gone.gid",
    )
    .bind(ids)
    .execute(connection)
    .await?;
    Ok(())
}
