//! Branches that are called by JSON-RPC 2.0.

use branchwire_protocol::{Answer, Op};
use bytes::Bytes;
use serde_json::{Value, json};

use crate::engine::{Definition, rpc_parameters};

/// DTM's codes for a refusal, and for a branch that is still working.
const FAILURE: i64 = -32901;
const ONGOING: i64 = -32902;

/// The request to a branch: its payload, and what the query says in a call by HTTP. `None` if the payload is no JSON object.
pub(super) fn request(
    definition: &Definition,
    method: &str,
    branch_id: &str,
    op: &Op,
    payload: &[u8],
) -> Option<Bytes> {
    let gid = definition.gid.as_str();
    let mut params = rpc_parameters(payload)?;
    for (name, value) in
        [("gid", gid), ("trans_type", definition.trans_type.as_str()), ("branch_id", branch_id), ("op", op.as_str())]
    {
        params.insert(name.to_owned(), Value::from(value));
    }
    let id = format!("{gid}/{branch_id}/{op}");
    Some(json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }).to_string().into())
}

/// What the response of a branch means. A response without a result is no success.
pub(super) fn answer(status: u16, body: &[u8]) -> Answer {
    match Answer::read(status, body) {
        Answer::Success => {}
        other => return other,
    }
    let Ok(Value::Object(response)) = serde_json::from_slice(body) else { return Answer::Unknown };
    match response.get("error") {
        None | Some(Value::Null) if response.contains_key("result") => Answer::Success,
        error => match error.and_then(|error| error["code"].as_i64()) {
            Some(FAILURE) => Answer::Failure,
            Some(ONGOING) => Answer::Ongoing,
            Some(_) | None => Answer::Unknown,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_response_is_read_by_its_code_and_by_dtms_words() {
        for (body, expected) in [
            (r#"{"jsonrpc":"2.0","id":"1","result":null}"#, Answer::Success),
            (r#"{"jsonrpc":"2.0","id":"1","result":{"a":1},"error":null}"#, Answer::Success),
            (r#"{"jsonrpc":"2.0","id":"1","error":{"code":-32901,"message":"no money"}}"#, Answer::Failure),
            (r#"{"jsonrpc":"2.0","id":"1","error":{"code":-32902,"message":"wait"}}"#, Answer::Ongoing),
            (r#"{"jsonrpc":"2.0","id":"1","error":{"code":-32603,"message":"FAILURE"}}"#, Answer::Failure),
            (r#"{"jsonrpc":"2.0","id":"1","error":{"code":-32603,"message":"down"},"result":1}"#, Answer::Unknown),
            (r#"{"jsonrpc":"2.0","id":"1","error":"down"}"#, Answer::Unknown),
            (r#"{"jsonrpc":"2.0","id":"1"}"#, Answer::Unknown),
            ("[]", Answer::Unknown),
            ("<html>", Answer::Unknown),
            ("", Answer::Unknown),
        ] {
            assert_eq!(answer(200, body.as_bytes()), expected, "{body}");
        }
        assert_eq!(answer(500, br#"{"result":null}"#), Answer::Unknown);
    }
}
