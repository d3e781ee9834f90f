//! Where our coordinator is meant to differ from what was recorded. The coordinator's docs say why.

use serde_json::{Value, json};

use super::vector::{Response, Step, Vector};

/// The scenarios that differ.
pub(crate) const NAMES: &[&str] = &["wait-failure", "wait-ongoing", "msg-abort-reason", "reset-next-cron"];

/// The scenario as it goes with our coordinator.
pub(crate) fn ours(recorded: &Vector) -> Vector {
    let mut ours = recorded.clone();
    match recorded.title.as_str() {
        // It will succeed later: no failure.
        "wait-failure" | "wait-ongoing" => {
            let body = json!({ "dtm_result": "ONGOING", "message": "submitted; not all branches are done yet" });
            answer(&mut ours.steps[1], 425, body);
        }
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
        _ => {}
    }
    ours
}

fn answer(step: &mut Step, with_status: u16, with_body: Value) {
    if let Step::Request { response, .. } = step {
        *response = Response { status: with_status, body: with_body };
    }
}
