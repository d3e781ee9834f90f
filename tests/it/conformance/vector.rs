//! A recorded scenario, and the comparison of two.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;
use serde_json::Value;

/// Patterns that the coordinator does not carry out yet.
const LATER: [&str; 2] = ["xa-", "workflow-"];

/// Beginnings of texts that are accidental in DTM: from a crash, a database, a JSON library, a link.
const ACCIDENTS: [&str; 9] = [
    "runtime error: ",
    "unexpected EOF",
    "unexpected end of JSON",
    "storage: ",
    "your http/grpc result",
    "custom_data: ",
    "json: ",
    "Parse json error: ",
    "Bad json request: ",
];

/// How much earlier than recorded a call may come, in seconds: DTM's cron looks only once a second.
const EARLIER_MAX_S: i64 = 3;

/// Marks, at its end, an expected text of which only the beginning counts.
pub(crate) const CUT: &str = "...";

/// A scenario: its steps, and their results.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Vector {
    pub(crate) title: String,
    pub(crate) answers: BTreeMap<String, Vec<Value>>,
    pub(crate) steps: Vec<Step>,
    pub(crate) calls: Vec<CallSeen>,
    /// Whether the order of the calls does not matter.
    #[serde(default)]
    pub(crate) unordered: bool,
    /// Paths whose first call comes after the last one of others.
    #[serde(default)]
    pub(crate) after: BTreeMap<String, Vec<String>>,
    #[serde(rename = "final")]
    pub(crate) end: Value,
}

/// One step of a scenario.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub(crate) enum Step {
    Request { request: Request, response: Response },
    Wait { wait: Vec<String>, reached: String },
    UntilCalled { until_called: String, times: usize, reached: usize },
    Sleep { sleep: f64 },
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) path: String,
    #[serde(default)]
    pub(crate) query: BTreeMap<String, Value>,
    #[serde(default)]
    pub(crate) body: Value,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) body: Value,
}

/// A call that the branch host got.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(crate) struct CallSeen {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) query: BTreeMap<String, String>,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: String,
    pub(crate) after_s: i64,
}

impl Vector {
    /// Whether its pattern is not built yet.
    pub(crate) fn is_of_a_later_pattern(&self) -> bool {
        LATER.iter().any(|prefix| self.title.starts_with(prefix))
    }

    /// Whether its branches are called at once, in any order.
    fn is_concurrent(&self) -> bool {
        self.unordered || self.title.contains("concurrent") || self.title == "topic" || self.title.starts_with("tcc-")
    }
}

/// All scenarios, by name.
pub(crate) fn all() -> Vec<Vector> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("conformance");
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .expect("the recorded scenarios")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .collect();
    files.sort();
    let read = |path| std::fs::read_to_string(path).expect("a scenario's text");
    files.iter().map(|path| serde_json::from_str(&read(path)).expect("a scenario")).collect()
}

/// The differences, one line for each.
pub(crate) fn differences(expected: &Vector, played: &Vector) -> Vec<String> {
    let mut found = Vec::new();
    for (number, (expected, played)) in expected.steps.iter().zip(&played.steps).enumerate() {
        let at = format!("steps[{number}]");
        match (expected, played) {
            (Step::Request { response: expected, .. }, Step::Request { response: played, .. }) => {
                compare(&mut found, &format!("{at}.status"), &expected.status, &played.status);
                compare(&mut found, &format!("{at}.body"), &expected.body, &without_accident(expected, played));
            }
            (Step::Wait { reached: expected, .. }, Step::Wait { reached: played, .. }) => {
                compare(&mut found, &format!("{at}.reached"), expected, played);
            }
            (Step::UntilCalled { reached: expected, .. }, Step::UntilCalled { reached: played, .. }) => {
                compare(&mut found, &format!("{at}.reached"), expected, played);
            }
            _ => {}
        }
    }
    calls(&mut found, expected, played);
    after(&mut found, expected, played);
    for part in ["status", "rollback_reason"] {
        let of = |vector: &Vector| vector.end["transaction"][part].clone();
        let (expected, mut played) = (of(expected), of(played));
        // A text that is cut off: where, depends on the length of addresses.
        if let (Some(start), Some(text)) = (expected.as_str().and_then(|text| text.strip_suffix(CUT)), played.as_str())
            && text.starts_with(start)
            && text.chars().count() <= 1_024
        {
            played = expected.clone();
        }
        compare(&mut found, &format!("final {part}"), &expected, &played);
    }
    compare(&mut found, "final branches", &branches(expected), &branches(played));
    found
}

fn compare<T: PartialEq + std::fmt::Debug>(found: &mut Vec<String>, at: &str, expected: &T, played: &T) {
    if expected != played {
        found.push(format!("{at}: expected {expected:?}, got {played:?}"));
    }
}

/// The played body, with the expected text instead of an accidental one.
fn without_accident(expected: &Response, played: &Response) -> Value {
    let mut body = played.body.clone();
    for message in ["/message", "/error/message"] {
        let text = expected.body.pointer(message).and_then(Value::as_str);
        let accident = text.filter(|text| ACCIDENTS.iter().any(|a| text.starts_with(a)));
        if let (Some(text), Some(message)) = (accident, body.pointer_mut(message)) {
            *message = Value::from(text);
        }
    }
    body
}

fn calls(found: &mut Vec<String>, expected: &Vector, played: &Vector) {
    let in_order = |vector: &Vector| {
        let mut calls = vector.calls.clone();
        if expected.is_concurrent() {
            calls.sort_by_key(|call| format!("{} {:?}", call.path, call.query));
        }
        calls
    };
    let (expected, played) = (in_order(expected), in_order(played));
    compare(found, "number of calls", &expected.len(), &played.len());
    for (number, (expected, played)) in expected.iter().zip(&played).enumerate() {
        let timeless = |call: &CallSeen| CallSeen { after_s: 0, ..call.clone() };
        compare(found, &format!("calls[{number}]"), &timeless(expected), &timeless(played));
        if played.after_s < expected.after_s - EARLIER_MAX_S {
            found.push(format!("calls[{number}] after {} s instead of {} s", played.after_s, expected.after_s));
        }
    }
}

/// A rule that one call comes after another.
fn after(found: &mut Vec<String>, expected: &Vector, played: &Vector) {
    for (later, earlier) in &expected.after {
        let first = played.calls.iter().position(|call| call.path == *later);
        for path in earlier {
            let last = played.calls.iter().rposition(|call| call.path == *path);
            if first < last {
                found.push(format!("{later} was called before {path}"));
            }
        }
    }
}

fn branches(vector: &Vector) -> Vec<[Value; 4]> {
    let parts = |branch: &Value| ["branch_id", "op", "status", "url"].map(|part| branch[part].clone());
    vector.end["branches"].as_array().into_iter().flatten().map(parts).collect()
}
