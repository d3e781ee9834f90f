//! The column `ext_data`, as text.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The content of `ext_data`: DTM's own headers, the steps if they cannot be derived from the branches, and the calls
/// that did not succeed at the first attempt.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct ExtData {
    /// Sent before the client's `branch_headers`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) headers: BTreeMap<String, String>,
    /// The addresses of the steps as the client gave them, if a topic is among them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) steps: Vec<String>,
    /// The calls of branches that did not succeed at the first attempt.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) calls: Records,
}

impl ExtData {
    /// Parses it; an empty text has no content.
    pub(crate) fn parse(ext_data: &str) -> Result<Self, serde_json::Error> {
        if ext_data.is_empty() { Ok(Self::default()) } else { serde_json::from_str(ext_data) }
    }
}

/// The calls of branches that did not succeed at the first attempt, by `branch_id/op`.
pub(crate) type Records = BTreeMap<String, Record>;

/// The calls of one op.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Record {
    pub(super) attempts: u32,
    /// How many of them gave no clear answer.
    #[serde(skip_serializing_if = "is_zero")]
    pub(super) unclear: u32,
    /// `success`, `failure`, `ongoing` or `unknown`.
    pub(super) answer: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) http_status: Option<u16>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature is serde's")]
fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// The `ext_data` of a row without these records, as DTM's own `query` would show it.
pub(crate) fn without_records(ext_data: &str) -> String {
    match ExtData::parse(ext_data) {
        Ok(parsed) if !parsed.calls.is_empty() => {
            let rest = ExtData { calls: Records::new(), ..parsed };
            if rest.headers.is_empty() && rest.steps.is_empty() {
                String::new()
            } else {
                serde_json::to_string(&rest).unwrap_or_default()
            }
        }
        _ => ext_data.to_owned(),
    }
}
