//! A transaction as clients send it, and as `query` shows it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// A global transaction as `prepare`, `submit` and `abort` carry it.
///
/// The texts are not checked here: a coordinator says what is wrong with them in the protocol's own way.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Transaction {
    /// The name of the transaction.
    pub gid: String,
    /// The pattern: the word of a [`TransType`](super::TransType).
    pub trans_type: String,
    /// The branches, in order. `null` counts as none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub steps: Option<Vec<Step>>,
    /// One JSON text for each step: the body that the branch gets.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub payloads: Option<Vec<String>>,
    /// The address that answers whether the local transaction has committed.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub query_prepared: String,
    /// JSON in a string: `{"delay":seconds}` for a message.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub custom_data: String,
    /// Empty or `http`; `grpc` and `json-rpc` are other transports.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub protocol: String,
    /// Why it is aborted; for the record only.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub rollback_reason: String,
    /// How it is to be carried out.
    #[serde(flatten)]
    pub options: TransactionOptions,
}

/// How a transaction is to be carried out. Times in whole seconds; 0 stands for the coordinator's own setting.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct TransactionOptions {
    /// `submit` answers only after one full run over the branches.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub wait_result: bool,
    /// Seconds after which a prepared transaction is asked after. DTM's own: 35.
    #[serde(skip_serializing_if = "is_zero")]
    pub timeout_to_fail: i64,
    /// Seconds that one call to a branch may take. DTM's own: 3.
    #[serde(skip_serializing_if = "is_zero")]
    pub request_timeout: i64,
    /// Seconds until the first repetition of a call. DTM's own: 10.
    #[serde(skip_serializing_if = "is_zero")]
    pub retry_interval: i64,
    /// Headers sent with every call to a branch and to query-prepared.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub branch_headers: Option<BTreeMap<String, String>>,
    /// All branches at once instead of one after another.
    pub concurrent: bool,
    /// Saga: that many repetitions of actions in all, then it is rolled back.
    #[serde(skip_serializing_if = "is_zero")]
    pub retry_limit: i64,
    /// Saga: the repetitions so far.
    #[serde(skip_serializing_if = "is_zero")]
    pub retry_count: i64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature is serde's")]
fn is_zero(n: &i64) -> bool {
    *n == 0
}

/// One step of a transaction: the address of its branch.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Step {
    /// The branch's URL, or `topic://NAME`; an empty one counts as done.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub action: String,
    /// Saga: the URL that undoes it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub compensate: String,
}

/// The answer of `query`: a transaction and its branches; no transaction if the gid is unknown.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueryAnswer {
    /// The transaction, if there is one of this gid.
    #[serde(default)]
    pub transaction: Option<TransactionRecord>,
    /// Its branches, in order.
    #[serde(default)]
    pub branches: Vec<BranchRecord>,
}

/// A transaction as `query` and `all` show it. What it does not name here (times, options) is left out.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct TransactionRecord {
    /// The name of the transaction.
    pub gid: String,
    /// Its pattern.
    pub trans_type: String,
    /// The word of a [`Status`](super::Status).
    pub status: String,
}

/// A branch as `query` shows it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct BranchRecord {
    /// The branch's id within the transaction.
    pub branch_id: String,
    /// What is asked of it.
    pub op: String,
    /// Its address.
    pub url: String,
    /// The word of a [`Status`](super::Status).
    pub status: String,
}
