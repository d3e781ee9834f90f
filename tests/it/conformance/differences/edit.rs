//! Changes to a recorded scenario.

use serde_json::{Value, json};

use crate::conformance::vector::{CallSeen, Response, Step, Vector};

/// The beginning of the refusal for a pattern that is not built.
pub(super) const NOT_SUPPORTED: &str =
    "trans_type 'xa' is not supported by this coordinator; it carries out msg, saga, tcc";

pub(super) fn done() -> Value {
    json!({ "dtm_result": "SUCCESS" })
}

pub(super) fn refuses(step: &mut Step, message: &str) {
    answer(step, 409, json!({ "dtm_result": "FAILURE", "message": message }));
}

/// The same call to the first branch instead of the second.
pub(super) fn other_branch(call: &CallSeen) -> CallSeen {
    let mut call = call.clone();
    call.path = call.path.replace("02", "01");
    call.query.insert("branch_id".to_owned(), "01".to_owned());
    call
}

/// Both steps of a saga are compensated, of which the second one was ongoing.
pub(super) fn undone(vector: &mut Vector) {
    for step in [1, 0] {
        let mut call = vector.calls[step].clone();
        call.path.push_str("-undo");
        call.query.insert("op".to_owned(), "compensate".to_owned());
        vector.calls.push(call);
    }
    vector.end["transaction"]["status"] = Value::from("failed");
    statuses(vector, ["succeed", "succeed", "succeed", "prepared"]);
}

/// The transaction goes on, so this is no failure.
pub(super) fn ongoing(step: &mut Step) {
    let body = json!({ "dtm_result": "ONGOING", "message": "submitted; not all branches are done yet" });
    answer(step, 425, body);
}

pub(super) fn reaches(step: &mut Step, status: &str) {
    if let Step::Wait { wait, reached } = step {
        *wait = vec![status.to_owned()];
        status.clone_into(reached);
    }
}

/// The statuses of the branches at the end.
pub(super) fn statuses<const N: usize>(vector: &mut Vector, statuses: [&str; N]) {
    for (at, status) in statuses.into_iter().enumerate() {
        vector.end["branches"][at]["status"] = Value::from(status);
    }
}

pub(super) fn answer(step: &mut Step, with_status: u16, with_body: Value) {
    if let Step::Request { response, .. } = step {
        *response = Response { status: with_status, body: with_body };
    }
}

/// Delays the second call of a branch, so that requests in between come before it on a busy machine, too.
pub(super) fn in_no_hurry(vector: &mut Vector) {
    for step in &mut vector.steps {
        if let Step::Request { request, .. } = step
            && request.body.get("retry_interval").is_some()
        {
            request.body["retry_interval"] = Value::from(6);
        }
    }
}
