//! The differences in the scenarios of a saga.

use serde_json::{Value, json};

use super::edit::{answer, done, in_no_hurry, ongoing, reaches, statuses, undone};
use crate::conformance::vector::{CUT, Vector};

pub(super) fn differs(vector: &mut Vector) {
    match vector.title.as_str() {
        "saga-wait-ongoing" | "saga-wait-unknown" => ongoing(&mut vector.steps[0]),
        // A saga can be rolled back on request.
        "tcc-abort-of-saga" => {
            in_no_hurry(vector);
            answer(&mut vector.steps[3], 200, done());
            reaches(&mut vector.steps[4], "failed");
            vector.calls.truncate(2);
            undone(vector);
        }
        "saga-abort" => {
            in_no_hurry(vector);
            answer(&mut vector.steps[3], 200, done());
            // The second abort may come before the end or after it.
            vector.steps.remove(4);
            reaches(&mut vector.steps[4], "failed");
            let message = "trans type: 'saga' current status 'failed', cannot abort. FAILURE";
            answer(&mut vector.steps[5], 409, json!({ "dtm_result": "FAILURE", "message": message }));
            vector.calls.truncate(2);
            undone(vector);
        }
        // The rollback begins with the first interval.
        "saga-branch-headers" => vector.calls[5].after_s = 5,
        // The interval doubles once a run, not once a branch.
        "saga-concurrent-backoff" => vector.calls.iter_mut().skip(3).for_each(|call| call.after_s = 2),
        "saga-long-reason" => {
            let reason = vector.end["transaction"]["rollback_reason"].as_str().unwrap_or_default();
            vector.end["transaction"]["rollback_reason"] = Value::from(format!("{}{CUT}", &reason[..900]));
        }
        // Refused before anything is recorded.
        "saga-custom-data-bad"
        | "saga-orders-bad"
        | "saga-orders-cycle"
        | "saga-orders-key-range"
        | "saga-orders-not-concurrent-cycle"
        | "saga-orders-range"
        | "saga-orders-range-wait"
        | "saga-orders-self" => {
            answer(&mut vector.steps[0], 500, json!({ "message": "custom_data: " }));
            let message = "no TransGlobal with gid: <gid> found";
            for step in &mut vector.steps[1..] {
                answer(step, 500, json!({ "message": message }));
                reaches(step, "unknown");
            }
            vector.calls.clear();
            vector.end = json!({ "branches": [], "transaction": null });
        }
        // A branch in progress is no failure.
        "saga-retry-limit-ongoing" => {
            reaches(&mut vector.steps[1], "succeed");
            vector.calls.truncate(3);
            vector.calls.extend([vector.calls[1].clone(), vector.calls[1].clone()]);
            vector.end["transaction"] = json!({ "status": "succeed" });
            statuses(vector, ["prepared", "succeed", "prepared", "succeed"]);
        }
        // Nothing is called again while it runs.
        "saga-slow-action" | "saga-submit-twice-running" => {
            // On a busy machine too, the saga must still run when the second submit arrives.
            if let Some(first) = vector.answers.get_mut("/b").and_then(|answers| answers.first_mut()) {
                first[2] = json!(2.5);
            }
            let mut paths = Vec::new();
            vector.calls.retain(|call| {
                !paths.contains(&call.path) && {
                    paths.push(call.path.clone());
                    true
                }
            });
        }
        "saga-wait-slow" => {
            answer(&mut vector.steps[0], 200, done());
            vector.calls[1].after_s = 7;
        }
        _ => {}
    }
}
