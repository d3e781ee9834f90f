//! A transaction in the form that clients send, and in the form that `query` shows.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};

/// A global transaction in the body of `prepare`, `submit` and `abort`.
///
/// The texts are not checked here: the coordinator refuses invalid ones in the protocol's own way.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Transaction {
    /// The name of the transaction.
    #[serde(deserialize_with = "or_default")]
    pub gid: String,
    /// The pattern: the word of a [`TransType`](super::TransType).
    #[serde(deserialize_with = "or_default")]
    pub trans_type: String,
    /// The branches, in order. `null` counts as none.
    #[serde(deserialize_with = "each_or_default", skip_serializing_if = "Option::is_none")]
    pub steps: Option<Vec<Step>>,
    /// One JSON text for each step: the body of the branch's calls.
    #[serde(deserialize_with = "each_or_default", skip_serializing_if = "Option::is_none")]
    pub payloads: Option<Vec<String>>,
    /// The address of query-prepared, which answers whether the local transaction has committed.
    #[serde(deserialize_with = "or_default", skip_serializing_if = "String::is_empty")]
    pub query_prepared: String,
    /// JSON in a string: `{"delay":seconds}` for a message.
    #[serde(deserialize_with = "or_default", skip_serializing_if = "String::is_empty")]
    pub custom_data: String,
    /// Empty or `http`; `grpc` and `json-rpc` are other transports.
    #[serde(deserialize_with = "or_default", skip_serializing_if = "String::is_empty")]
    pub protocol: String,
    /// Why it is aborted; for the record only.
    #[serde(deserialize_with = "or_default", skip_serializing_if = "String::is_empty")]
    pub rollback_reason: String,
    /// Its options.
    #[serde(flatten)]
    pub options: TransactionOptions,
}

/// The options of a transaction. Times in whole seconds; 0 means the coordinator's own setting.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct TransactionOptions {
    /// `submit` answers only after one full run over the branches.
    #[serde(deserialize_with = "or_default", skip_serializing_if = "std::ops::Not::not")]
    pub wait_result: bool,
    /// Seconds after which query-prepared is asked about a prepared transaction. DTM's default: 35.
    #[serde(deserialize_with = "or_default", skip_serializing_if = "is_zero")]
    pub timeout_to_fail: i64,
    /// Timeout of one call to a branch, in seconds. DTM's default: 3.
    #[serde(deserialize_with = "or_default", skip_serializing_if = "is_zero")]
    pub request_timeout: i64,
    /// Seconds until the first retry of a call. DTM's default: 10.
    #[serde(deserialize_with = "or_default", skip_serializing_if = "is_zero")]
    pub retry_interval: i64,
    /// Headers sent with every call to a branch and to query-prepared.
    #[serde(deserialize_with = "values_or_default", skip_serializing_if = "Option::is_none")]
    pub branch_headers: Option<BTreeMap<String, String>>,
    /// Whether all branches are called at once instead of one after another.
    #[serde(deserialize_with = "or_default")]
    pub concurrent: bool,
    /// Saga: how many retries of actions there may be in all before it is rolled back.
    #[serde(deserialize_with = "or_default", skip_serializing_if = "is_zero")]
    pub retry_limit: i64,
    /// Saga: the retries so far.
    #[serde(deserialize_with = "or_default", skip_serializing_if = "is_zero")]
    pub retry_count: i64,
}

/// `null` means a missing field, as in Go: clients in other languages send it.
fn or_default<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(field: D) -> Result<T, D::Error> {
    Option::deserialize(field).map(Option::unwrap_or_default)
}

/// The same within a list.
fn each_or_default<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(
    field: D,
) -> Result<Option<Vec<T>>, D::Error> {
    let items = Option::<Vec<Option<T>>>::deserialize(field)?;
    Ok(items.map(|items| items.into_iter().map(Option::unwrap_or_default).collect()))
}

/// The same within a map.
fn values_or_default<'de, D: Deserializer<'de>>(field: D) -> Result<Option<BTreeMap<String, String>>, D::Error> {
    let map = Option::<BTreeMap<String, Option<String>>>::deserialize(field)?;
    Ok(map.map(|map| map.into_iter().map(|(name, value)| (name, value.unwrap_or_default())).collect()))
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
    #[serde(deserialize_with = "or_default", skip_serializing_if = "String::is_empty")]
    pub action: String,
    /// Saga: the URL that undoes it.
    #[serde(deserialize_with = "or_default", skip_serializing_if = "String::is_empty")]
    pub compensate: String,
    /// The payload, as old clients send it: in the step. New ones send `payloads`.
    #[serde(deserialize_with = "or_default", skip_serializing_if = "String::is_empty")]
    pub data: String,
}

/// The response of `query`: a transaction and its branches; no transaction if the gid is unknown.
///
/// A response without one of the fields is refused: a server that is not a coordinator must not count as "no such gid".
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueryAnswer {
    /// The transaction, if there is one of this gid.
    #[serde(deserialize_with = "Option::deserialize")]
    pub transaction: Option<TransactionRecord>,
    /// Its branches, in order.
    #[serde(deserialize_with = "or_default")]
    pub branches: Vec<BranchRecord>,
}

/// A transaction as `query` and `all` show it. Their other fields (times, options) are left out.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TransactionRecord {
    /// The name of the transaction.
    pub gid: String,
    /// Its pattern.
    pub trans_type: String,
    /// The word of a [`Status`](super::Status).
    pub status: String,
    /// Where to ask whether its local transaction has committed. Empty if it has none, and if that is not shown.
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "String::is_empty")]
    pub query_prepared: String,
    /// Why it is rolled back; for the record only. Empty if there is no reason.
    #[serde(default, deserialize_with = "or_default")]
    pub rollback_reason: String,
}

/// A branch as `query` shows it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct BranchRecord {
    /// The branch's id within the transaction.
    pub branch_id: String,
    /// Its op.
    pub op: String,
    /// Its address.
    #[serde(deserialize_with = "or_default")]
    pub url: String,
    /// Its payload, base64. Empty if there is none, or if it is not shown.
    #[serde(deserialize_with = "or_default")]
    pub bin_data: String,
    /// The word of a [`Status`](super::Status).
    pub status: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn null_stands_for_a_field_that_is_not_there() {
        let sent = r#"{"gid": "g", "trans_type": null, "steps": [{"action": null, "compensate": null}], "payloads": null,
            "query_prepared": null, "custom_data": null, "protocol": null, "rollback_reason": null, "wait_result": null,
            "timeout_to_fail": null, "request_timeout": null, "retry_interval": null, "branch_headers": null,
            "concurrent": null, "retry_limit": null, "retry_count": null}"#;
        let expected = Transaction { gid: "g".into(), steps: Some(vec![Step::default()]), ..Transaction::default() };
        assert_eq!(serde_json::from_str::<Transaction>(sent).unwrap(), expected);
    }

    #[test]
    fn f22_null_stands_for_an_empty_one_within_lists_and_maps() {
        let sent = r#"{"gid": "g", "steps": [null, {"action": "http://a"}], "payloads": [null, "1"],
            "branch_headers": {"x-a": null}}"#;
        let read: Transaction = serde_json::from_str(sent).unwrap();
        assert_eq!(read.steps.unwrap()[0], Step::default());
        assert_eq!(read.payloads.unwrap(), ["", "1"]);
        assert_eq!(read.options.branch_headers.unwrap()["x-a"], "");
    }
}
