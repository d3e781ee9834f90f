//! Compares the coordinator's record of a gid with a transaction that is sent under it.

use std::collections::BTreeSet;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::{QueryAnswer, Status, Step, TOPIC_PREFIX, TransType, Transaction};

/// What the coordinator has recorded under the gid of a transaction. Exhaustive: each case is handled differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Standing {
    /// Nothing.
    NotRecorded,
    /// Another transaction: its pattern, a branch's address or a payload differs.
    Another,
    /// It is prepared, and waits for its submit.
    Prepared,
    /// It is being carried out, or rolled back.
    InProgress,
    /// It has ended, and everything was applied.
    Succeeded,
    /// It has ended as `failed`.
    Failed {
        /// Whether a branch may have been called before: a part of it may be applied.
        called: bool,
    },
    /// A status that this client does not know.
    Unclear,
}

impl QueryAnswer {
    /// Compares this record with `sent`, which has the same gid.
    pub fn standing_of(&self, sent: &Transaction) -> Standing {
        let Some(record) = &self.transaction else { return Standing::NotRecorded };
        // The branches of a TCC are registered one by one, and not in what is sent.
        let has_steps = sent.trans_type != TransType::Tcc.as_str();
        if record.trans_type != sent.trans_type || (has_steps && self.has_other_branches(sent)) {
            return Standing::Another;
        }
        match record.status.parse() {
            Ok(Status::Prepared) => Standing::Prepared,
            Ok(Status::Submitted | Status::Aborting) => Standing::InProgress,
            Ok(Status::Succeed) => Standing::Succeeded,
            Ok(Status::Failed) => {
                let untouched = Status::Prepared.as_str();
                // A message about which nobody can be asked was submitted at once. Only a person ends it then, and a branch
                // may have been called whose answer was lost.
                let was_submitted = record.trans_type == TransType::Msg.as_str() && record.query_prepared.is_empty();
                let called = was_submitted || self.branches.iter().any(|branch| branch.status != untouched);
                Standing::Failed { called }
            }
            Err(_) => Standing::Unclear,
        }
    }

    /// Whether the branches of this record are certainly not those of `sent`.
    ///
    /// A record without any branch is not compared: a coordinator may have dropped them. The subscribers of a topic are not
    /// compared, since they may have changed.
    fn has_other_branches(&self, sent: &Transaction) -> bool {
        let steps = sent.steps.as_deref().unwrap_or_default();
        let shown: BTreeSet<_> = self.branches.iter().filter_map(|branch| step_of(&branch.branch_id)).collect();
        let is_missing =
            |(index, step): (usize, &Step)| !step.action.starts_with(TOPIC_PREFIX) && !shown.contains(&index);
        if !shown.is_empty() && steps.iter().enumerate().any(is_missing) {
            return true;
        }
        self.branches.iter().any(|branch| {
            let Some(index) = step_of(&branch.branch_id) else { return false };
            let Some(step) = steps.get(index) else { return true };
            if step.action.starts_with(TOPIC_PREFIX) != branch.branch_id.contains('-') {
                return true;
            }
            let is_at_another_url = !step.action.starts_with(TOPIC_PREFIX)
                && ![step.action.as_str(), step.compensate.as_str()].contains(&branch.url.as_str());
            let payload = sent.payloads.as_ref().and_then(|payloads| payloads.get(index));
            let recorded = Some(&branch.bin_data).filter(|data| !data.is_empty());
            let recorded = recorded.and_then(|data| STANDARD.decode(data).ok());
            is_at_another_url
                || recorded
                    .zip(payload)
                    .is_some_and(|(recorded, payload)| !is_same_payload(&recorded, payload.as_bytes()))
        })
    }
}

/// The index of the step that a branch belongs to. Ids start at 01.
fn step_of(branch_id: &str) -> Option<usize> {
    branch_id.split('-').next()?.parse::<usize>().ok()?.checked_sub(1)
}

/// Whether two payloads are equal, in any order of their maps and sets.
pub fn is_same_payload(recorded: &[u8], sent: &[u8]) -> bool {
    let read = |json: &[u8]| serde_json::from_slice::<serde_json::Value>(json).map(sorted);
    recorded == sent || matches!((read(recorded), read(sent)), (Ok(recorded), Ok(sent)) if recorded == sent)
}

/// A set is written as an array, so arrays are compared without their order.
fn sorted(value: serde_json::Value) -> serde_json::Value {
    use serde_json::Value;
    match value {
        Value::Array(items) => {
            let mut items: Vec<_> = items.into_iter().map(sorted).collect();
            items.sort_by_cached_key(Value::to_string);
            Value::Array(items)
        }
        Value::Object(fields) => Value::Object(fields.into_iter().map(|(name, value)| (name, sorted(value))).collect()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{BranchRecord, TransactionRecord};

    fn sent(payload: &str) -> Transaction {
        let step = |action: &str| Step { action: action.to_owned(), ..Step::default() };
        Transaction {
            gid: "g".to_owned(),
            trans_type: "msg".to_owned(),
            steps: Some(vec![step("http://b/in"), step("topic://news")]),
            payloads: Some(vec![payload.to_owned(), "1".to_owned()]),
            ..Transaction::default()
        }
    }

    fn record(status: &str, trans_type: &str, url: &str, payload: &str, branch_status: &str) -> QueryAnswer {
        let branch = |branch_id: &str, url: &str, payload: &str, status: &str| BranchRecord {
            branch_id: branch_id.to_owned(),
            op: "action".to_owned(),
            url: url.to_owned(),
            bin_data: STANDARD.encode(payload),
            status: status.to_owned(),
        };
        let record = TransactionRecord {
            gid: "g".to_owned(),
            trans_type: trans_type.to_owned(),
            status: status.to_owned(),
            query_prepared: "http://a/prepared".to_owned(),
            ..TransactionRecord::default()
        };
        QueryAnswer {
            transaction: Some(record),
            branches: vec![branch("01", url, payload, branch_status), branch("02-01", "http://s", "1", "prepared")],
        }
    }

    #[test]
    fn each_status_has_its_standing() {
        let standing = |status, branch| record(status, "msg", "http://b/in", "30", branch).standing_of(&sent("30"));
        assert_eq!(standing("prepared", "prepared"), Standing::Prepared);
        assert_eq!(standing("submitted", "prepared"), Standing::InProgress);
        assert_eq!(standing("aborting", "succeed"), Standing::InProgress);
        assert_eq!(standing("succeed", "succeed"), Standing::Succeeded);
        assert_eq!(standing("failed", "prepared"), Standing::Failed { called: false });
        assert_eq!(standing("failed", "succeed"), Standing::Failed { called: true });
        assert_eq!(standing("paused", "prepared"), Standing::Unclear);
        assert_eq!(QueryAnswer::default().standing_of(&sent("30")), Standing::NotRecorded);
    }

    #[test]
    fn another_pattern_address_payload_or_number_of_branches_is_another_transaction() {
        let standing = |record: QueryAnswer, payload| record.standing_of(&sent(payload));
        let same = |payload| record("succeed", "msg", "http://b/in", payload, "succeed");
        assert_eq!(standing(record("succeed", "saga", "http://b/in", "30", "succeed"), "30"), Standing::Another);
        assert_eq!(standing(record("succeed", "msg", "http://c/in", "30", "succeed"), "30"), Standing::Another);
        assert_eq!(standing(same("31"), "30"), Standing::Another);
        let mut longer = same("30");
        longer.branches.push(BranchRecord { branch_id: "03".to_owned(), ..BranchRecord::default() });
        assert_eq!(standing(longer, "30"), Standing::Another);
        let mut shorter = same("30");
        shorter.branches.retain(|branch| branch.branch_id != "01");
        assert_eq!(standing(shorter, "30"), Standing::Another, "the first branch would never be called");
        let mut without_subscribers = same("30");
        without_subscribers.branches.retain(|branch| branch.branch_id == "01");
        assert_eq!(standing(without_subscribers, "30"), Standing::Succeeded);
    }

    #[test]
    fn a_message_that_nobody_can_be_asked_about_fails_only_if_a_person_stops_it() {
        let mut stopped = record("failed", "msg", "http://b/in", "30", "prepared");
        stopped.transaction.as_mut().unwrap().query_prepared.clear();
        assert_eq!(stopped.standing_of(&sent("30")), Standing::Failed { called: true });
    }

    #[test]
    fn the_branches_of_a_tcc_are_not_compared_since_they_are_registered_later() {
        let registered = record("prepared", "tcc", "http://b/confirm", "30", "prepared");
        let tcc = |trans_type: &str| Transaction { trans_type: trans_type.to_owned(), ..Transaction::default() };
        assert_eq!(registered.standing_of(&tcc("tcc")), Standing::Prepared);
        assert_eq!(registered.standing_of(&tcc("saga")), Standing::Another);
    }

    #[test]
    fn the_order_in_which_a_map_or_a_set_was_written_does_not_make_another_transaction() {
        let recorded = record("succeed", "msg", "http://b/in", r#"{"a":[1,2],"b":0.5}"#, "succeed");
        assert_eq!(recorded.standing_of(&sent(r#"{"b": 5e-1, "a": [2, 1]}"#)), Standing::Succeeded);
        let mut bare = recorded;
        bare.branches.clear();
        assert_eq!(bare.standing_of(&sent("anything")), Standing::Succeeded, "what is not shown does not count");
    }
}
