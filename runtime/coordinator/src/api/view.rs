//! Transactions as `query` and `all` show them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use branchwire_protocol::TransactionOptions;
use serde::{Serialize, Serializer};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::engine::pattern::{self, Rows};
use crate::facts::Facts;
use crate::store::ext_data::{ExtData, without_records};
use crate::store::{BranchRow, KvRow, Row};

/// The response of `query`.
#[derive(Debug, Serialize)]
pub(super) struct QueryView<'a> {
    branches: Vec<BranchView<'a>>,
    transaction: Option<TransactionView<'a>>,
}

/// One transaction; without a row, an empty one.
pub(super) fn query<'a>(row: Option<&'a Row>, facts: &impl Fn(&Row) -> Facts) -> QueryView<'a> {
    let branches = row.map(|row| row.branches.iter().map(|branch| BranchView::new(&row.gid, branch)).collect());
    let transaction = row.map(|row| TransactionView::new(row, facts(row)));
    QueryView { branches: branches.unwrap_or_default(), transaction }
}

/// The response of `all`.
#[derive(Debug, Serialize)]
pub(super) struct AllView<'a> {
    next_position: String,
    transactions: Vec<TransactionView<'a>>,
}

/// A page of rows; if it is full, with the position of the next page.
pub(super) fn all<'a>(rows: &'a [Row], limit: u32, facts: &impl Fn(&Row) -> Facts) -> AllView<'a> {
    let next_position = next_position(rows.len(), limit, rows.last().map(|row| row.id));
    AllView { next_position, transactions: rows.iter().map(|row| TransactionView::new(row, facts(row))).collect() }
}

/// The response of `queryKV` and `scanKV`.
#[derive(Debug, Serialize)]
pub(super) struct KvView<'a> {
    kv: Vec<KvRowView<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_position: Option<String>,
}

pub(super) fn query_kv(rows: &[KvRow]) -> KvView<'_> {
    KvView { kv: rows.iter().map(KvRowView::new).collect(), next_position: None }
}

pub(super) fn scan_kv(rows: &[KvRow], limit: u32) -> KvView<'_> {
    let next_position = next_position(rows.len(), limit, rows.last().map(|row| row.id));
    KvView { next_position: Some(next_position), ..query_kv(rows) }
}

fn next_position(count: usize, limit: u32, last: Option<i64>) -> String {
    if count < usize::try_from(limit).unwrap_or(usize::MAX) {
        return String::new();
    }
    last.map(|id| id.to_string()).unwrap_or_default()
}

#[derive(Debug, Serialize)]
struct KvRowView<'a> {
    id: i64,
    cat: &'a str,
    k: &'a str,
    v: &'a str,
    version: i64,
    #[serde(serialize_with = "rfc3339")]
    create_time: i64,
    #[serde(serialize_with = "rfc3339")]
    update_time: i64,
}

impl<'a> KvRowView<'a> {
    fn new(row: &'a KvRow) -> Self {
        let KvRow { id, cat, k, v, version, create_time, update_time } = row;
        Self { id: *id, cat, k, v, version: *version, create_time: *create_time, update_time: *update_time }
    }
}

#[derive(Debug, Serialize)]
pub(super) struct TransactionView<'a> {
    id: i64,
    gid: &'a str,
    trans_type: &'a str,
    status: &'a str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    steps: Vec<StepView>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    payloads: Vec<String>,
    #[serde(skip_serializing_if = "str::is_empty")]
    query_prepared: &'a str,
    protocol: &'a str,
    #[serde(serialize_with = "rfc3339")]
    create_time: i64,
    #[serde(serialize_with = "rfc3339")]
    update_time: i64,
    #[serde(serialize_with = "maybe_rfc3339", skip_serializing_if = "Option::is_none")]
    finish_time: Option<i64>,
    #[serde(serialize_with = "maybe_rfc3339", skip_serializing_if = "Option::is_none")]
    rollback_time: Option<i64>,
    options: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    custom_data: &'a str,
    /// In seconds.
    next_cron_interval: i64,
    #[serde(serialize_with = "rfc3339")]
    next_cron_time: i64,
    owner: &'a str,
    #[serde(skip_serializing_if = "String::is_empty")]
    ext_data: String,
    #[serde(skip_serializing_if = "str::is_empty")]
    result: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    rollback_reason: &'a str,
    #[serde(flatten)]
    parsed_options: TransactionOptions,
    /// Ours; DTM has no such field.
    facts: Facts,
}

impl<'a> TransactionView<'a> {
    fn new(row: &'a Row, facts: Facts) -> Self {
        Self {
            id: row.id,
            gid: &row.gid,
            trans_type: &row.trans_type,
            status: &row.status,
            steps: steps(row),
            payloads: payloads(row),
            query_prepared: &row.query_prepared,
            protocol: if row.protocol.is_empty() { "http" } else { &row.protocol },
            create_time: row.create_time,
            update_time: row.update_time,
            finish_time: row.finish_time,
            rollback_time: row.rollback_time,
            options: &row.options,
            custom_data: &row.custom_data,
            next_cron_interval: row.next_cron_interval_ms.saturating_add(999) / 1000,
            next_cron_time: row.next_cron_time,
            owner: &row.owner,
            ext_data: without_records(&row.ext_data),
            result: &row.result,
            rollback_reason: &row.rollback_reason,
            // Options that cannot be parsed are still shown as text.
            parsed_options: serde_json::from_str(&row.options).unwrap_or_default(),
            facts,
        }
    }
}

/// A step's addresses; unlike in a request, an empty action is not left out.
#[derive(Debug, Serialize)]
struct StepView {
    action: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    compensate: String,
}

impl StepView {
    fn action(action: String) -> Self {
        Self { action, compensate: String::new() }
    }
}

/// Where the rows come from; those of an unknown pattern are shown as steps.
fn rows(row: &Row) -> Rows {
    row.trans_type.parse().map_or(Rows::Steps, |trans_type| pattern::of(trans_type).rows())
}

/// The steps: as the client gave them if they include a topic, else one for each branch; in a saga, one for each pair of
/// rows.
fn steps(row: &Row) -> Vec<StepView> {
    match rows(row) {
        Rows::Steps => {}
        Rows::Pairs => {
            let url = |branch: Option<&BranchRow>| branch.map(|branch| branch.url.clone()).unwrap_or_default();
            let step = |pair: &[BranchRow]| StepView { compensate: url(pair.first()), action: url(pair.get(1)) };
            return row.branches.chunks(2).map(step).collect();
        }
        Rows::Registered(_) => return Vec::new(),
    }
    let given = ExtData::parse(&row.ext_data).unwrap_or_default().steps;
    if given.is_empty() {
        row.branches.iter().map(|branch| StepView::action(branch.url.clone())).collect()
    } else {
        given.into_iter().map(StepView::action).collect()
    }
}

/// One payload for each step: that of its first branch.
fn payloads(row: &Row) -> Vec<String> {
    if matches!(rows(row), Rows::Registered(_)) {
        return Vec::new();
    }
    let mut payloads: Vec<String> = Vec::new();
    let mut last = None;
    for branch in &row.branches {
        let step = branch.branch_id.split('-').next();
        if step != last {
            payloads.push(String::from_utf8_lossy(&branch.bin_data).into_owned());
            last = step;
        }
    }
    payloads
}

#[derive(Debug, Serialize)]
struct BranchView<'a> {
    gid: &'a str,
    branch_id: &'a str,
    op: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    url: &'a str,
    /// Base64.
    #[serde(skip_serializing_if = "String::is_empty")]
    bin_data: String,
    status: &'a str,
    #[serde(serialize_with = "rfc3339")]
    create_time: i64,
    #[serde(serialize_with = "rfc3339")]
    update_time: i64,
    #[serde(serialize_with = "maybe_rfc3339", skip_serializing_if = "Option::is_none")]
    finish_time: Option<i64>,
    #[serde(serialize_with = "maybe_rfc3339", skip_serializing_if = "Option::is_none")]
    rollback_time: Option<i64>,
}

impl<'a> BranchView<'a> {
    fn new(gid: &'a str, row: &'a BranchRow) -> Self {
        Self {
            gid,
            branch_id: &row.branch_id,
            op: &row.op,
            url: &row.url,
            bin_data: STANDARD.encode(&row.bin_data),
            status: &row.status,
            create_time: row.create_time,
            update_time: row.update_time,
            finish_time: row.finish_time,
            rollback_time: row.rollback_time,
        }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature is serde's")]
fn rfc3339<S: Serializer>(millis: &i64, serializer: S) -> Result<S::Ok, S::Error> {
    let time = OffsetDateTime::from_unix_timestamp_nanos(i128::from(*millis) * 1_000_000).ok();
    let text = time.and_then(|time| time.format(&Rfc3339).ok());
    text.serialize(serializer)
}

#[expect(clippy::ref_option, reason = "the signature is serde's")]
fn maybe_rfc3339<S: Serializer>(millis: &Option<i64>, serializer: S) -> Result<S::Ok, S::Error> {
    match millis {
        Some(millis) => rfc3339(millis, serializer),
        None => serializer.serialize_none(),
    }
}
