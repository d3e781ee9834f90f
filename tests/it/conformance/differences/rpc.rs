//! The differences in the scenarios of JSON-RPC.

use serde_json::{Value, json};

use super::edit::{answer, reaches, statuses};
use crate::conformance::vector::Vector;

pub(super) fn differs(vector: &mut Vector) {
    match vector.title.as_str() {
        // The error code alone is a refusal, too.
        "rpc-branch-refusal" => {
            reaches(&mut vector.steps[1], "failed");
            vector.calls.truncate(2);
            for step in [1, 0] {
                let mut call = vector.calls[step].clone();
                call.path.push_str("-undo");
                call.body = call.body.replace("action", "compensate");
                for method in ["in", "out"] {
                    call.body = call.body.replace(&format!("\"{method}\""), &format!("\"{method}Undo\""));
                }
                call.query.values_mut().for_each(|method| method.push_str("Undo"));
                vector.calls.push(call);
            }
            let said = r#"{"jsonrpc":"2.0","id":"1","error":{"code":-32901,"message":"no money"}}"#;
            vector.end["transaction"]["status"] = Value::from("failed");
            vector.end["transaction"]["rollback_reason"] =
                Value::from(format!("url:<branch>/rpc2?method=in return failed: {said} FAILURE"));
            statuses(vector, ["succeed", "succeed", "succeed", "failed"]);
        }
        "rpc-saga-wait-ongoing" => ongoing(vector, 0),
        "rpc-tcc-wait-ongoing" => ongoing(vector, 2),
        // A client that got no response may register again.
        "rpc-tcc" => answer(&mut vector.steps[2], 200, json!({ "error": null, "jsonrpc": "2.0", "result": null })),
        _ => {}
    }
}

/// The transaction goes on, so this is no failure; and each error has a code of its own.
fn ongoing(vector: &mut Vector, step: usize) {
    let error = json!({ "code": -32902, "message": "submitted; not all branches are done yet" });
    answer(&mut vector.steps[step], 200, json!({ "error": error, "jsonrpc": "2.0", "result": {} }));
}
