//! The intended differences of our coordinator from the recorded exchanges. The coordinator's docs have the reasons.

use serde_json::{Value, json};

use super::vector::{CUT, Response, Step, Vector};

/// The scenarios that differ.
pub(crate) const NAMES: &[&str] = &[
    "wait-failure",
    "wait-ongoing",
    "msg-abort-reason",
    "reset-next-cron",
    "saga-abort",
    "saga-branch-headers",
    "saga-concurrent-backoff",
    "saga-custom-data-bad",
    "saga-long-reason",
    "saga-orders-bad",
    "saga-orders-cycle",
    "saga-orders-key-range",
    "saga-orders-not-concurrent-cycle",
    "saga-orders-range",
    "saga-orders-range-wait",
    "saga-orders-self",
    "saga-retry-limit-ongoing",
    "saga-slow-action",
    "saga-submit-twice-running",
    "saga-wait-ongoing",
    "saga-wait-slow",
    "saga-wait-unknown",
];

/// The scenario as expected from our coordinator.
pub(crate) fn ours(recorded: &Vector) -> Vector {
    let mut ours = recorded.clone();
    match recorded.title.as_str() {
        // It will succeed later: no failure.
        "wait-failure" | "wait-ongoing" => ongoing(&mut ours.steps[1]),
        "saga-wait-ongoing" | "saga-wait-unknown" => ongoing(&mut ours.steps[0]),
        "msg-abort-reason" => ours.end["transaction"]["rollback_reason"] = Value::from("no money"),
        // It takes effect.
        "reset-next-cron" => {
            if let Step::Wait { reached, .. } = &mut ours.steps[4] {
                "succeed".clone_into(reached);
            }
            ours.calls.push(ours.calls[0].clone());
            ours.end["transaction"]["status"] = Value::from("succeed");
            ours.end["branches"][0]["status"] = Value::from("succeed");
        }
        // A saga can be rolled back on request.
        "saga-abort" => {
            answer(&mut ours.steps[3], 200, json!({ "dtm_result": "SUCCESS" }));
            // The second abort may come before the end or after it.
            ours.steps.remove(4);
            reaches(&mut ours.steps[4], "failed");
            let message = "trans type: 'saga' current status 'failed', cannot abort. FAILURE";
            answer(&mut ours.steps[5], 409, json!({ "dtm_result": "FAILURE", "message": message }));
            ours.calls.truncate(2);
            for step in [1, 0] {
                let mut call = ours.calls[step].clone();
                call.path.push_str("-undo");
                call.query.insert("op".to_owned(), "compensate".to_owned());
                ours.calls.push(call);
            }
            ours.end["transaction"]["status"] = Value::from("failed");
            statuses(&mut ours, ["succeed", "succeed", "succeed", "prepared"]);
        }
        // The way back begins with the first interval.
        "saga-branch-headers" => ours.calls[5].after_s = 5,
        // One doubling a run, not one a branch.
        "saga-concurrent-backoff" => ours.calls.iter_mut().skip(3).for_each(|call| call.after_s = 2),
        "saga-long-reason" => {
            let reason = ours.end["transaction"]["rollback_reason"].as_str().unwrap_or_default();
            ours.end["transaction"]["rollback_reason"] = Value::from(format!("{}{CUT}", &reason[..900]));
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
            answer(&mut ours.steps[0], 500, json!({ "message": "custom_data: " }));
            let message = "no TransGlobal with gid: <gid> found";
            for step in &mut ours.steps[1..] {
                answer(step, 500, json!({ "message": message }));
                reaches(step, "unknown");
            }
            ours.calls.clear();
            ours.end = json!({ "branches": [], "transaction": null });
        }
        // A branch that is at work is no failure.
        "saga-retry-limit-ongoing" => {
            reaches(&mut ours.steps[1], "succeed");
            ours.calls.truncate(3);
            ours.calls.extend([ours.calls[1].clone(), ours.calls[1].clone()]);
            ours.end["transaction"] = json!({ "status": "succeed" });
            statuses(&mut ours, ["prepared", "succeed", "prepared", "succeed"]);
        }
        // Nothing is called again while it runs.
        "saga-slow-action" | "saga-submit-twice-running" => {
            // On a busy machine too, the saga must still run when the second submit arrives.
            if let Some(first) = ours.answers.get_mut("/b").and_then(|answers| answers.first_mut()) {
                first[2] = json!(2.5);
            }
            let mut paths = Vec::new();
            ours.calls.retain(|call| {
                !paths.contains(&call.path) && {
                    paths.push(call.path.clone());
                    true
                }
            });
        }
        "saga-wait-slow" => {
            answer(&mut ours.steps[0], 200, json!({ "dtm_result": "SUCCESS" }));
            ours.calls[1].after_s = 7;
        }
        _ => {}
    }
    ours
}

/// It will go on: no failure.
fn ongoing(step: &mut Step) {
    let body = json!({ "dtm_result": "ONGOING", "message": "submitted; not all branches are done yet" });
    answer(step, 425, body);
}

fn reaches(step: &mut Step, status: &str) {
    if let Step::Wait { wait, reached } = step {
        *wait = vec![status.to_owned()];
        status.clone_into(reached);
    }
}

/// The statuses of the branches at the end.
fn statuses<const N: usize>(vector: &mut Vector, statuses: [&str; N]) {
    for (at, status) in statuses.into_iter().enumerate() {
        vector.end["branches"][at]["status"] = Value::from(status);
    }
}

fn answer(step: &mut Step, with_status: u16, with_body: Value) {
    if let Step::Request { response, .. } = step {
        *response = Response { status: with_status, body: with_body };
    }
}
