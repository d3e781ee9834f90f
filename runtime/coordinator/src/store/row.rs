//! The row of a transaction in a store, and its meaning.

use std::collections::HashMap;
use std::time::Duration;

use branchwire_protocol::{BranchId, Gid, Op, Status, TransType, TransactionOptions};
use bytes::Bytes;
use sqlx::FromRow;

use super::custom_data::CustomData;
use super::ext_data::ExtData;
use super::{calls, is_lease};
use crate::engine::pattern::{self, BUILT, Rows};
use crate::engine::{BranchOp, BranchState, Calls, Defaults, Definition, Holder, Run, State, Time, Timing};

/// A transaction's row, as text and numbers. It may be corrupt; operators see it all the same.
#[derive(Debug, Clone, Default, PartialEq, Eq, FromRow)]
#[allow(missing_docs, reason = "the names are DTM's columns; times in milliseconds since the Unix epoch")]
pub struct Row {
    pub id: i64,
    pub gid: String,
    pub trans_type: String,
    pub status: String,
    pub query_prepared: String,
    pub protocol: String,
    pub create_time: i64,
    pub update_time: i64,
    pub finish_time: Option<i64>,
    pub rollback_time: Option<i64>,
    pub options: String,
    pub custom_data: String,
    #[sqlx(rename = "next_cron_interval")]
    pub next_cron_interval_ms: i64,
    pub next_cron_time: i64,
    pub owner: String,
    pub ext_data: String,
    pub result: String,
    pub rollback_reason: String,
    #[sqlx(skip)]
    pub branches: Vec<BranchRow>,
    /// The store's own clock when it was read; `None` if the store goes by the coordinator's.
    #[sqlx(rename = "read_at")]
    pub now: Option<i64>,
}

/// A branch's row.
#[derive(Debug, Clone, Default, PartialEq, Eq, FromRow)]
#[allow(missing_docs, reason = "the names are DTM's columns; times in milliseconds since the Unix epoch")]
pub struct BranchRow {
    /// Grows with each branch that its transaction gets.
    pub id: i64,
    pub gid: String,
    pub branch_id: String,
    pub op: String,
    pub url: String,
    pub bin_data: Vec<u8>,
    pub status: String,
    pub finish_time: Option<i64>,
    pub rollback_time: Option<i64>,
    pub create_time: i64,
    pub update_time: i64,
}

/// A corrupt row.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("column {column}: {reason}")]
pub struct CorruptRow {
    column: &'static str,
    reason: String,
}

fn corrupt<E: ToString>(column: &'static str) -> impl FnOnce(E) -> CorruptRow {
    move |error| CorruptRow { column, reason: error.to_string() }
}

impl Row {
    /// Whether it says which way the transaction goes, or went.
    pub(crate) fn is_decided(&self) -> bool {
        self.status != Status::Prepared.as_str()
    }

    /// The meaning of the row at `now`, for the coordinator with the name `owner`.
    ///
    /// The due time is by the coordinator's clock, even if the store has a clock of its own.
    ///
    /// # Errors
    /// [`CorruptRow`] if a column is invalid, or the row is not for this coordinator.
    pub fn decode(&self, defaults: &Defaults, owner: &str, now: Time) -> Result<(Definition, State), CorruptRow> {
        let gid = Gid::new(self.gid.as_str()).map_err(corrupt("gid"))?;
        let trans_type: TransType = self.trans_type.parse().map_err(corrupt("trans_type"))?;
        let status: Status = self.status.parse().map_err(corrupt("status"))?;
        if !BUILT.contains(&trans_type) {
            return Err(corrupt("trans_type")(format!("`{trans_type}` is left to a DTM server")));
        }
        let protocol = self
            .protocol
            .parse()
            .map_err(|_| corrupt("protocol")(format!("`{}` is left to a DTM server", self.protocol)))?;
        let ahead = self.now.map_or(0, |store| store.saturating_sub(now.as_millis()));
        let due = Time::from_millis(self.next_cron_time.saturating_sub(ahead));
        let options: TransactionOptions = if self.options.is_empty() {
            TransactionOptions::default()
        } else {
            serde_json::from_str(&self.options).map_err(corrupt("options"))?
        };
        let ExtData { mut headers, calls: records, .. } =
            ExtData::parse(&self.ext_data).map_err(corrupt("ext_data"))?;
        headers.extend(options.branch_headers.clone().unwrap_or_default());
        let (branches, branch_states) =
            self.branches.iter().map(BranchRow::decode).collect::<Result<(Vec<BranchOp>, Vec<_>), _>>()?;
        check_ops(trans_type, &branches).map_err(corrupt("op"))?;
        let CustomData { delay_s, predecessors } =
            CustomData::parse(trans_type, &self.custom_data, branches.len() / 2).map_err(corrupt("custom_data"))?;
        let timing = Timing::new(&options, delay_s, defaults);
        let interval = u64::try_from(self.next_cron_interval_ms).unwrap_or(0);
        let mut state = State {
            status,
            // An interval of zero stays zero when doubled: it would be a hot loop.
            interval: if interval == 0 { timing.retry_interval } else { Duration::from_millis(interval) },
            // A DTM server leaves its name in a row after it has stopped working on it: that is no lease.
            due: if self.owner.is_empty() || is_lease(&self.owner) { due } else { due.min(now) },
            holder: match self.owner.as_str() {
                "" => Holder::Nobody,
                us if us == owner => Holder::Us,
                other => Holder::Other(other.to_owned()),
            },
            branches: branch_states,
            question: Calls::default(),
            ended: self.finish_time.or(self.rollback_time).map(Time::from_millis),
            rollback_reason: self.rollback_reason.clone(),
            run: Run::Idle,
        };
        let definition = Definition {
            gid,
            trans_type,
            protocol,
            created: Time::from_millis(self.create_time),
            query_prepared: self.query_prepared.clone(),
            branches,
            concurrent: options.concurrent,
            predecessors,
            timing,
            headers,
            options: self.options.clone(),
            custom_data: self.custom_data.clone(),
            ext_data: self.ext_data.clone(),
        };
        calls::restore(&records, &definition, &mut state);
        Ok((definition, state))
    }
}

/// Checks that the pattern makes such rows: it finds them by their places.
fn check_ops(trans_type: TransType, branches: &[BranchOp]) -> Result<(), String> {
    let ops = match pattern::of(trans_type).rows() {
        Rows::Steps => return Ok(()),
        Rows::Pairs => [Op::Compensate, Op::Action],
        Rows::Registered(ops) => ops,
    };
    let is_pair = |pair: &[BranchOp]| pair.iter().map(|row| &row.op).eq(&ops) && pair[0].branch_id == pair[1].branch_id;
    if branches.chunks(2).all(is_pair) {
        return Ok(());
    }
    let [first, second] = ops;
    Err(format!("the rows of a {trans_type} are pairs of a {first} and its {second}"))
}

/// Gives each row its branches in the order of their creation. Branches that were created together are ordered by the
/// numbers in their ids (`100` is after `99`). Branches of other gids are left out.
pub(crate) fn join_branches(rows: Vec<Row>, branches: Vec<BranchRow>) -> Vec<Row> {
    let mut by_gid: HashMap<String, Vec<BranchRow>> = HashMap::new();
    for branch in branches {
        by_gid.entry(branch.gid.clone()).or_default().push(branch);
    }
    let join = |row: Row| {
        let mut branches = by_gid.remove(&row.gid).unwrap_or_default();
        branches.sort_by_cached_key(|branch| (branch.id, order_of(&branch.branch_id)));
        Row { branches, ..row }
    };
    rows.into_iter().map(join).collect()
}

/// `01-02` as numbers; an id without numbers comes last, in the order of its text.
fn order_of(branch_id: &str) -> (Vec<u64>, String) {
    let numbers = branch_id.split('-').map(|part| part.parse().unwrap_or(u64::MAX)).collect();
    (numbers, branch_id.to_owned())
}

impl BranchRow {
    fn decode(&self) -> Result<(BranchOp, BranchState), CorruptRow> {
        let branch = BranchOp {
            branch_id: BranchId::new(self.branch_id.as_str()).map_err(corrupt("branch_id"))?,
            op: self.op.parse::<Op>().map_err(corrupt("op"))?,
            url: self.url.clone(),
            payload: Bytes::from(self.bin_data.clone()),
        };
        let state = BranchState {
            status: self.status.parse().map_err(corrupt("status"))?,
            finished: self.finish_time.map(Time::from_millis),
            calls: Calls::default(),
        };
        Ok((branch, state))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row() -> Row {
        Row { gid: "g".into(), trans_type: "msg".into(), status: "submitted".into(), ..Row::default() }
    }

    /// The ids of branches that are read in this order.
    fn joined(branches: &[(i64, &str)]) -> Vec<String> {
        let branch = |(id, branch_id): &(i64, &str)| BranchRow {
            id: *id,
            gid: "g".into(),
            branch_id: (*branch_id).into(),
            ..BranchRow::default()
        };
        let mut rows = join_branches(vec![row()], branches.iter().map(branch).collect());
        rows.remove(0).branches.into_iter().map(|branch| branch.branch_id).collect()
    }

    #[test]
    fn branches_are_in_the_order_in_which_they_were_made() {
        assert_eq!(joined(&[(7, "01"), (3, "03"), (12, "02")]), ["03", "01", "02"]);
    }

    #[test]
    fn branches_that_were_created_together_are_ordered_by_number() {
        let branches = [(0, "100"), (0, "02"), (1, "01"), (0, "99"), (0, "01-10"), (0, "01-09")];
        assert_eq!(joined(&branches), ["01-09", "01-10", "02", "99", "100", "01"]);
    }

    #[test]
    fn no_interval_counts_as_the_retry_interval() {
        let (_, state) = row().decode(&Defaults::default(), "us", Time::from_millis(0)).unwrap();
        assert_eq!(state.interval, Duration::from_secs(10));
    }

    #[test]
    fn the_error_of_a_corrupt_row_names_its_column() {
        for (bad, column) in [
            (Row { status: "lost".into(), ..row() }, "status"),
            (Row { trans_type: String::new(), ..row() }, "trans_type"),
            (Row { options: "{".into(), ..row() }, "options"),
            (Row { custom_data: "[]]".into(), ..row() }, "custom_data"),
            (Row { gid: "a b".into(), ..row() }, "gid"),
        ] {
            assert_eq!(bad.decode(&Defaults::default(), "us", Time::from_millis(0)).unwrap_err().column, column);
        }
    }
}
