//! A batch of writes as one statement, whatever it contains: one round trip and one commit.

use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;
use std::time::Duration;

use sqlx::PgConnection;

use super::columns::{GidQuery, Parameters, columns};
use crate::engine::{BranchOp, Definition, State, Time};
use crate::store::{BranchChange, Change, Write, WriteOutcome};

columns! {
    /// The transactions to create.
    NewTransactions<'a> {
        gid: &'a str = "text",
        trans_type: &'a str = "text",
        status: &'a str = "text",
        query_prepared: &'a str = "text",
        protocol: &'a str = "text",
        at: f64 = "float8",
        ended: Option<f64> = "float8",
        options: &'a str = "text",
        custom_data: &'a str = "text",
        next_cron_interval: i32 = "int",
        wait: f64 = "float8",
        owner: &'a str = "text",
        ext_data: &'a str = "text",
    }
}

columns! {
    /// The branches to create, of a new transaction or appended to an existing one.
    NewBranches<'a> {
        gid: &'a str = "text",
        branch_id: &'a str = "text",
        op: &'a str = "text",
        url: &'a str = "text",
        bin_data: &'a [u8] = "bytea",
        status: &'a str = "text",
        at: f64 = "float8",
        finished: Option<f64> = "float8",
    }
}

columns! {
    /// The transactions to change.
    Changes<'a> {
        gid: &'a str = "text",
        from_status: &'a str = "text",
        from_owner: &'a str = "text",
        status: &'a str = "text",
        owner: &'a str = "text",
        next_cron_interval: i32 = "int",
        wait: f64 = "float8",
        finished: Option<f64> = "float8",
        rolled_back: Option<f64> = "float8",
        rollback_reason: &'a str = "text",
        at: f64 = "float8",
        takes_over: bool = "bool",
    }
}

columns! {
    /// The transactions whose `ext_data` changes, too.
    ExtDataChanges<'a> {
        gid: &'a str = "text",
        ext_data: &'a str = "text",
    }
}

columns! {
    /// The branches that are done.
    ChangedBranches<'a> {
        gid: &'a str = "text",
        // See `BRANCH_KEY`.
        key: String = "text",
        status: &'a str = "text",
        at: f64 = "float8",
    }
}

columns! {
    /// The transactions to park.
    Parked<'a> {
        gid: &'a str = "text",
        reason: &'a str = "text",
    }
}

/// All that a batch writes, by column.
#[derive(Default)]
struct Batch<'a> {
    news: NewTransactions<'a>,
    new_branches: NewBranches<'a>,
    changes: Changes<'a>,
    changed_branches: ChangedBranches<'a>,
    parked: Parked<'a>,
    appended: NewBranches<'a>,
    ext_data: ExtDataChanges<'a>,
}

/// The statement for most batches: no branch is appended, no `ext_data` changes, and nothing is parked.
static PLAIN: LazyLock<String> = LazyLock::new(|| statement(false));

/// The statement for all other batches.
static EXTENDED: LazyLock<String> = LazyLock::new(|| statement(true));

/// Times are whole seconds in DTM's tables. They are rounded up, so that no wait becomes shorter.
///
/// Rows are found by `ANY`, not by a join: for a join the planner may read the whole table while it is small, and keep
/// that plan when it is large. Then `array_position` finds a row's place in the arrays; a subquery that looks through their
/// rows would be ten times as slow with a hundred of them. `OFFSET 0` keeps it to one search for all columns.
///
/// The parameters are numbered here in the order in which [`Batch::bind`] binds them.
fn statement(extended: bool) -> String {
    let mut parameters = Parameters::default();
    let news = parameters.arrays(NewTransactions::COLUMNS);
    let new_branches = parameters.arrays(NewBranches::COLUMNS);
    let changes = parameters.arrays(Changes::COLUMNS);
    let changed_branches = parameters.arrays(ChangedBranches::COLUMNS);
    let in_doubt = parameters.single();
    let (append, set_ext_data, and_appended, park, and_parked) = if extended {
        let appended = parameters.arrays(NewBranches::COLUMNS);
        let ext_data = parameters.arrays(ExtDataChanges::COLUMNS);
        let parked = parameters.arrays(Parked::COLUMNS);
        let append = format!(
            "appended AS (
    {INSERT_BRANCHES}
    FROM {appended} JOIN changed ON changed.gid = b.gid
    ORDER BY b.n
    ON CONFLICT (gid, branch_id, op) DO NOTHING
    RETURNING gid, branch_id, op
), ",
            appended = appended.numbered_rows("b"),
        );
        // Not by looking for the branch before: what others commit while the row of the transaction is waited for is not
        // in this statement's snapshot.
        let and_appended = format!(
            " WHERE gid NOT IN (SELECT b.gid FROM {rows} WHERE (b.gid, b.branch_id, b.op) NOT IN (
        SELECT gid, branch_id, op FROM appended))",
            rows = appended.rows("b", &["gid", "branch_id", "op"]),
        );
        let set = format!(
            ", ext_data = coalesce(({ext_data})[array_position({gids}, g.gid::text)], g.ext_data)",
            ext_data = ext_data.array("ext_data"),
            gids = ext_data.array("gid"),
        );
        let park = format!(
            ", parked AS (
    UPDATE trans_global g SET next_cron_time = to_timestamp(253402300799), owner = '',
        result = left(({reason})[array_position({gids}, g.gid::text)], 1024)
    WHERE g.gid = ANY ({gids})
    RETURNING g.gid
)",
            reason = parked.array("reason"),
            gids = parked.array("gid"),
        );
        (append, set, and_appended, park, " UNION ALL SELECT gid FROM parked")
    } else {
        (String::new(), String::new(), String::new(), String::new(), "")
    };
    let change = |column: &str| format!("({})[c.n]", changes.array(column));
    let changed_branch = |column: &str| format!("({})[c.n]", changed_branches.array(column));
    format!(
        "WITH new AS (
    INSERT INTO trans_global (gid, trans_type, status, query_prepared, protocol, create_time, update_time,
        finish_time, options, custom_data, next_cron_interval, next_cron_time, owner, ext_data, result, rollback_reason)
    SELECT c.gid, c.trans_type, c.status, c.query_prepared, c.protocol, to_timestamp(c.at), to_timestamp(c.at),
        to_timestamp(c.ended), c.options, c.custom_data, c.next_cron_interval,
        to_timestamp(ceil(extract(epoch FROM now()) + c.wait)), c.owner, c.ext_data, '', ''
    FROM {new_rows}
    ORDER BY c.n
    ON CONFLICT (gid) DO NOTHING
    RETURNING gid
), new_branches AS (
    {INSERT_BRANCHES}
    FROM {new_branch_rows} JOIN new ON new.gid = b.gid
    ORDER BY b.n
), changed AS (
    UPDATE trans_global g SET (status, owner, next_cron_interval, next_cron_time, finish_time, rollback_time,
            rollback_reason, update_time) = (
        SELECT {to_status}, {to_owner}, {interval}, to_timestamp(ceil(extract(epoch FROM now()) + {wait})),
            to_timestamp({finished}), to_timestamp({rolled_back}), {rollback_reason}, to_timestamp({at})
        FROM (SELECT array_position({change_gids}, g.gid::text) AS n OFFSET 0) c){set_ext_data}
    WHERE g.gid = ANY ({change_gids}) AND (
        SELECT (g.status = {from_status} AND g.owner = {from_owner} AND (NOT {takes_over} OR g.next_cron_time <= now()))
            OR ({in_doubt} AND g.status = {to_status} AND g.owner = {to_owner})
        FROM (SELECT array_position({change_gids}, g.gid::text) AS n OFFSET 0) c)
    RETURNING g.gid
), {append}changed_branches AS (
    UPDATE trans_branch_op b SET (status, finish_time, update_time) = (
        SELECT {branch_status}, to_timestamp({branch_at}), to_timestamp({branch_at})
        FROM (SELECT array_position({branch_keys}, {BRANCH_KEY}) AS n OFFSET 0) c)
    WHERE b.gid = ANY ({branch_gids}) AND b.status = 'prepared' AND {BRANCH_KEY} = ANY ({branch_keys})
){park}
SELECT gid FROM new UNION ALL SELECT gid FROM changed{and_appended}{and_parked}",
        new_rows = news.numbered_rows("c"),
        new_branch_rows = new_branches.numbered_rows("b"),
        to_status = change("status"),
        to_owner = change("owner"),
        interval = change("next_cron_interval"),
        wait = change("wait"),
        finished = change("finished"),
        rolled_back = change("rolled_back"),
        rollback_reason = change("rollback_reason"),
        at = change("at"),
        from_status = change("from_status"),
        from_owner = change("from_owner"),
        takes_over = change("takes_over"),
        change_gids = changes.array("gid"),
        branch_status = changed_branch("status"),
        branch_at = changed_branch("at"),
        branch_keys = changed_branches.array("key"),
        branch_gids = changed_branches.array("gid"),
    )
}

/// What tells branches apart, of a row with the alias `b`. No gid and no branch id has a space.
const BRANCH_KEY: &str = "(b.gid || ' ' || b.branch_id || ' ' || b.op)";

/// Inserts branches, from rows with the alias `b`.
const INSERT_BRANCHES: &str = "\
    INSERT INTO trans_branch_op (gid, branch_id, op, url, data, bin_data, status, create_time, update_time, finish_time)
    SELECT b.gid, b.branch_id, b.op, b.url, '', b.bin_data, b.status, to_timestamp(b.at), to_timestamp(b.at),
        to_timestamp(b.finished)";

/// Executes the writes; they are committed when it returns. If they are `in_doubt`, that is if an earlier attempt may
/// have executed them, a row that already has the new values counts as changed.
pub(super) async fn execute(
    connection: &mut PgConnection,
    writes: &[Write],
    in_doubt: bool,
) -> Result<Vec<WriteOutcome>, sqlx::Error> {
    let applied = Batch::of(writes).bind(in_doubt).fetch_all(connection).await?;
    let applied: HashSet<&str> = applied.iter().map(String::as_str).collect();
    let outcome =
        |write: &Write| if applied.contains(write.gid()) { WriteOutcome::Applied } else { WriteOutcome::Conflict };
    Ok(writes.iter().map(outcome).collect())
}

impl<'a> Batch<'a> {
    fn of(writes: &'a [Write]) -> Self {
        let mut batch = Self::default();
        // An UPDATE changes a row only once, but a batch may have both the progress and the end of one run. Then the
        // columns of the end are written, with the branches and the `ext_data` of both.
        let mut last: HashMap<&str, &Change> = HashMap::new();
        let mut ext_data: HashMap<&str, &str> = HashMap::new();
        for write in writes {
            match write {
                Write::Create { definition, state, owner } => {
                    let gid = definition.gid.as_str();
                    batch.create(definition, state, owner);
                    for (branch, branch_state) in definition.branches.iter().zip(&state.branches) {
                        let (status, finished) = (branch_state.status.as_str(), branch_state.finished);
                        batch.new_branches.push(gid, branch, status, definition.created, finished);
                    }
                }
                Write::Change(change) => {
                    let gid = change.gid.as_str();
                    last.insert(gid, change);
                    ext_data.extend(change.ext_data.as_deref().map(|value| (gid, value)));
                    change.branches.iter().for_each(|branch| batch.change_branch(change, branch));
                    for branch in &change.appended {
                        batch.appended.push(gid, branch, "prepared", change.at, None);
                    }
                }
                Write::Park { gid, reason } => {
                    batch.parked.gid.push(gid);
                    batch.parked.reason.push(reason);
                }
            }
        }
        for change in last.values() {
            batch.change(change);
        }
        for (gid, value) in ext_data {
            batch.ext_data.gid.push(gid);
            batch.ext_data.ext_data.push(value);
        }
        batch
    }

    /// The statement with its parameters, in the order of their numbers.
    fn bind(self, in_doubt: bool) -> GidQuery<'a> {
        let extended = !self.appended.gid.is_empty() || !self.ext_data.gid.is_empty() || !self.parked.gid.is_empty();
        let query = sqlx::query_scalar(if extended { EXTENDED.as_str() } else { PLAIN.as_str() });
        let query = self.news.bind(query);
        let query = self.new_branches.bind(query);
        let query = self.changes.bind(query);
        let query = self.changed_branches.bind(query).bind(in_doubt);
        if extended { self.parked.bind(self.ext_data.bind(self.appended.bind(query))) } else { query }
    }

    fn create(&mut self, definition: &'a Definition, state: &'a State, owner: &'a str) {
        let news = &mut self.news;
        news.gid.push(definition.gid.as_str());
        news.trans_type.push(definition.trans_type.as_str());
        news.status.push(state.status.as_str());
        news.query_prepared.push(&definition.query_prepared);
        news.protocol.push(definition.protocol.as_str());
        news.at.push(seconds(definition.created));
        news.ended.push(state.ended.map(seconds));
        news.options.push(&definition.options);
        news.custom_data.push(&definition.custom_data);
        news.next_cron_interval.push(interval_s(state));
        news.wait.push(wait_s(definition.created.until(state.due)));
        news.owner.push(owner);
        news.ext_data.push(&definition.ext_data);
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
        let gid = change.gid.as_str();
        branches.gid.push(gid);
        branches.key.push(format!("{gid} {} {}", branch.branch_id.as_str(), branch.op.as_str()));
        branches.status.push(branch.status.as_str());
        branches.at.push(seconds(branch.at));
    }
}

impl<'a> NewBranches<'a> {
    fn push(&mut self, gid: &'a str, branch: &'a BranchOp, status: &'a str, at: Time, finished: Option<Time>) {
        self.gid.push(gid);
        self.branch_id.push(branch.branch_id.as_str());
        self.op.push(branch.op.as_str());
        self.url.push(&branch.url);
        self.bin_data.push(&branch.payload);
        self.status.push(status);
        self.at.push(seconds(at));
        self.finished.push(finished.map(seconds));
    }
}

/// In seconds. Due now is stored as one second ago, so that rounding up to whole seconds does not delay it.
fn wait_s(wait: Duration) -> f64 {
    if wait.is_zero() { -1.0 } else { wait.as_secs_f64() }
}

pub(super) fn seconds(time: Time) -> f64 {
    // Exact: whole seconds up to the year 9999 are far below 2^53.
    #[expect(clippy::cast_precision_loss, reason = "see above")]
    let seconds = time.whole_seconds() as f64;
    seconds
}

fn interval_s(state: &State) -> i32 {
    whole_seconds(i64::try_from(state.interval.as_millis()).unwrap_or(i64::MAX))
}

fn whole_seconds(millis: i64) -> i32 {
    i32::try_from(millis.saturating_add(999) / 1000).unwrap_or(i32::MAX)
}
