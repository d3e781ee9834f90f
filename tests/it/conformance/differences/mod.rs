//! The intended differences of our coordinator from the recorded exchanges. The coordinator's docs have the reasons.

mod edit;
mod rpc;
mod saga;
mod tcc;

use serde_json::Value;

use self::edit::ongoing;
use super::vector::{Step, Vector};

/// The scenarios that differ.
pub(crate) const NAMES: &[&str] = &[
    "wait-failure",
    "wait-ongoing",
    "msg-abort-reason",
    "query-saga",
    "query-tcc",
    "reset-next-cron",
    "rpc-branch-refusal",
    "rpc-saga-wait-ongoing",
    "rpc-tcc",
    "rpc-tcc-wait-ongoing",
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
    "tcc-abort-of-prepared-saga",
    "tcc-abort-of-saga",
    "tcc-abort-reason-twice",
    "tcc-force-stop-submitted",
    "tcc-register-as-xa",
    "tcc-register-no-branch-id",
    "tcc-register-on-msg",
    "tcc-register-other",
    "tcc-register-twice",
    "tcc-slow-confirm",
    "tcc-submit-other-options",
    "tcc-submit-twice",
    "tcc-wait-abort-failure",
    "tcc-wait-confirm-failure",
    "tcc-wait-ongoing",
];

/// The scenario as expected from our coordinator.
pub(crate) fn ours(recorded: &Vector) -> Vector {
    let mut ours = recorded.clone();
    match recorded.title.as_str() {
        // It will succeed later, so this is no failure.
        "wait-failure" | "wait-ongoing" => ongoing(&mut ours.steps[1]),
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
        // The option was not set.
        "query-saga" => {
            if let Step::Request { response, .. } = &mut ours.steps[5] {
                response.body["transaction"].as_object_mut().expect("an object").remove("wait_result");
            }
        }
        // A row has its times from the start.
        "query-tcc" => {
            for step in [2, 5] {
                if let Step::Request { response, .. } = &mut ours.steps[step] {
                    for branch in response.body["branches"].as_array_mut().into_iter().flatten() {
                        branch["create_time"] = Value::from("<time>");
                        branch["update_time"] = Value::from("<time>");
                    }
                }
            }
        }
        _ => {
            rpc::differs(&mut ours);
            saga::differs(&mut ours);
            tcc::differs(&mut ours);
        }
    }
    ours
}
