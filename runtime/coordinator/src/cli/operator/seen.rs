//! Transactions as the API shows them. A DTM server leaves out the facts.

use serde::Deserialize;
use serde_json::Value;

use super::text::millis;
use crate::facts::{CallFacts, Facts, Why};

/// After how many calls without progress a transaction counts as stuck, as for the alarm.
const ROUNDS: u32 = 3;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Transaction {
    pub(super) gid: String,
    pub(super) trans_type: String,
    pub(super) status: String,
    pub(super) query_prepared: String,
    pub(super) create_time: String,
    pub(super) finish_time: String,
    pub(super) rollback_time: String,
    pub(super) rollback_reason: String,
    pub(super) facts: Facts,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
#[expect(clippy::struct_field_names, reason = "the names are the protocol's")]
pub(super) struct Branch {
    pub(super) branch_id: String,
    pub(super) op: String,
    pub(super) url: String,
    pub(super) status: String,
    pub(super) finish_time: String,
}

impl Transaction {
    /// Reads one; what cannot be read is left out.
    pub(super) fn read(value: &Value) -> Self {
        Self::deserialize(value).unwrap_or_default()
    }

    pub(super) fn has_ended(&self) -> bool {
        matches!(self.status.as_str(), "succeed" | "failed")
    }

    /// When it was created, in milliseconds since the Unix epoch.
    pub(super) fn created(&self) -> i64 {
        millis(&self.create_time).unwrap_or(0)
    }

    /// When something is done for it next, in milliseconds since the Unix epoch.
    pub(super) fn next(&self) -> Option<i64> {
        let calls = self.facts.branches.iter().filter_map(|branch| branch.next_call).min();
        calls.or_else(|| self.facts.waits.as_ref().and_then(|waits| waits.until))
    }

    pub(super) fn why(&self) -> &str {
        self.facts.waits.as_ref().map_or("", |waits| waits.text.as_str())
    }

    pub(super) fn is_overdue(&self) -> bool {
        self.facts.waits.as_ref().is_some_and(|waits| waits.overdue)
    }

    /// Whether somebody should look at it.
    pub(super) fn is_stuck(&self) -> bool {
        let Some(waits) = &self.facts.waits else { return false };
        let needs_somebody = matches!(waits.why, Why::Parked | Why::Unreadable | Why::NobodyToAsk);
        waits.overdue || needs_somebody || self.facts.rounds >= ROUNDS || self.diverges()
    }

    /// Whether a branch that is called again has refused: it must succeed in the end.
    fn diverges(&self) -> bool {
        let refuses = |last: &CallFacts| last.answer == "failure";
        self.facts.branches.iter().any(|it| it.next_call.is_some() && it.last.as_ref().is_some_and(refuses))
    }
}

/// The branches in the response of `query`.
pub(super) fn branches(seen: &Value) -> Vec<Branch> {
    seen["branches"].as_array().into_iter().flatten().filter_map(|row| Branch::deserialize(row).ok()).collect()
}
