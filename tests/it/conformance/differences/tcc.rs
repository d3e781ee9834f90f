//! The differences in the scenarios of a TCC.

use serde_json::{Value, json};

use super::edit::{NOT_SUPPORTED, answer, done, in_no_hurry, ongoing, other_branch, reaches, refuses, statuses};
use crate::conformance::vector::Vector;

/// The scenarios in which something is asked between two calls of a branch.
const BETWEEN_CALLS: [&str; 6] = [
    "tcc-abort-after-submit",
    "tcc-abort-reason-twice",
    "tcc-abort-twice",
    "tcc-register-after-abort",
    "tcc-register-after-submit",
    "tcc-submit-after-abort",
];

pub(super) fn differs(vector: &mut Vector) {
    if BETWEEN_CALLS.contains(&vector.title.as_str()) {
        in_no_hurry(vector);
    }
    match vector.title.as_str() {
        // The stored pattern counts, and a saga that was only prepared is not rolled back.
        "tcc-abort-of-prepared-saga" => {
            refuses(&mut vector.steps[1], "trans type: 'saga' current status 'prepared', cannot abort. FAILURE");
            reaches(&mut vector.steps[2], "prepared");
            vector.calls.clear();
            vector.end["transaction"]["status"] = Value::from("prepared");
            statuses(vector, ["prepared"; 4]);
        }
        "tcc-abort-reason-twice" => vector.end["transaction"]["rollback_reason"] = Value::from("no seats"),
        // A confirm that is down does not hold up the others.
        "tcc-force-stop-submitted" => {
            vector.calls.push(other_branch(&vector.calls[0]));
            statuses(vector, ["prepared", "succeed", "prepared", "prepared"]);
        }
        "tcc-register-as-xa" => {
            answer(&mut vector.steps[1], 500, json!({ "message": NOT_SUPPORTED }));
            vector.end["branches"] = json!([]);
        }
        "tcc-register-no-branch-id" => {
            let message = "a branch id has 1 to 128 characters, without spaces and control characters";
            for step in [1, 2] {
                answer(&mut vector.steps[step], 400, json!({ "message": message }));
            }
            vector.calls.clear();
            vector.end["branches"] = json!([]);
        }
        "tcc-register-on-msg" => {
            refuses(&mut vector.steps[1], "a 'msg' has no branches that are registered like this one. FAILURE");
            vector.end["branches"].as_array_mut().expect("branches").truncate(1);
        }
        "tcc-register-other" => {
            let message = "branch '01' is registered already, with other addresses or data. FAILURE";
            let refused = json!({ "dtm_result": "FAILURE", "other_transaction": true, "message": message });
            answer(&mut vector.steps[2], 409, refused);
        }
        // A client that got no response may register again; an abort is acknowledged.
        "tcc-register-twice" | "tcc-wait-abort-failure" => answer(&mut vector.steps[2], 200, done()),
        // No call beside one that is still running.
        "tcc-slow-confirm" => drop(vector.calls.remove(1)),
        // The options of the prepare count.
        "tcc-submit-other-options" => {
            for call in &mut vector.calls {
                call.headers.insert("x-token".to_owned(), "t".to_owned());
            }
        }
        // A repeated submit is only an acknowledgement.
        "tcc-submit-twice" => {
            let (first, other) = (vector.calls[0].clone(), other_branch(&vector.calls[0]));
            vector.calls.extend([first, other]);
            statuses(vector, ["prepared", "succeed", "prepared", "succeed"]);
        }
        "tcc-wait-confirm-failure" | "tcc-wait-ongoing" => ongoing(&mut vector.steps[2]),
        _ => {}
    }
}
