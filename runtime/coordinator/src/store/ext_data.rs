//! The column `ext_data`, as text.
//!
//! DTM ignores keys in it that it does not know.

use std::collections::BTreeMap;

use branchwire_protocol::Answer;
use serde::{Deserialize, Serialize};

/// The content of `ext_data`: DTM's own headers, the steps if they cannot be derived from the branches, and once a call
/// did not succeed at the first attempt, the calls.
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
    /// When it was submitted or turned back, and the latest calls, oldest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) log: Vec<Logged>,
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

/// One call, or the time of a decision.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Logged {
    /// `branch_id/op`, or the status that was reached.
    pub(super) of: String,
    /// When it began, in milliseconds since the Unix epoch.
    pub(super) at: i64,
    /// How long it took, in milliseconds.
    pub(super) ms: u64,
    /// `success`, `failure`, `ongoing` or `unknown`; empty for a decision.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) answer: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) http_status: Option<u16>,
    /// The beginning of the response, or why there was none; only of an op's last call.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) said: String,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature is serde's")]
fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// The `ext_data` of a row without these records, as DTM's own `query` would show it.
pub(crate) fn without_records(ext_data: &str) -> String {
    match ExtData::parse(ext_data) {
        Ok(parsed) if !parsed.calls.is_empty() || !parsed.log.is_empty() => {
            let rest = ExtData { calls: Records::new(), log: Vec::new(), ..parsed };
            if rest.headers.is_empty() && rest.steps.is_empty() {
                String::new()
            } else {
                serde_json::to_string(&rest).unwrap_or_default()
            }
        }
        _ => ext_data.to_owned(),
    }
}

/// The answer with this word.
pub(super) fn answer(word: &str) -> Option<Answer> {
    let answers = [Answer::Success, Answer::Failure, Answer::Ongoing, Answer::Unknown];
    answers.into_iter().find(|answer| self::word(*answer) == word)
}

/// The word for an answer.
pub(crate) fn word(answer: Answer) -> &'static str {
    match answer {
        Answer::Success => "success",
        Answer::Failure => "failure",
        Answer::Ongoing => "ongoing",
        Answer::Unknown => "unknown",
    }
}
