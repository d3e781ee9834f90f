//! The same API by JSON-RPC 2.0.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use branchwire_protocol::{DtmResult, Gid};
use serde::Deserialize;
use serde_json::{Value, json};

use super::answer::{self, Refused};
use super::extract::{Answered, Body};
use super::request;
use super::transactions::{do_abort, do_prepare, do_submit};
use crate::runner::Core;

const PARSE_ERROR: i32 = -32700;
const METHOD_NOT_FOUND: i32 = -32601;
const INTERNAL_ERROR: i32 = -32603;
/// DTM's codes for a refusal, and for a run that is not finished.
const FAILURE: i32 = -32901;
const ONGOING: i32 = -32902;

#[derive(Debug, Deserialize)]
#[serde(default)]
struct RpcRequest {
    id: Value,
    method: String,
    params: Value,
}

impl Default for RpcRequest {
    fn default() -> Self {
        Self { id: Value::Null, method: String::new(), params: json!({}) }
    }
}

pub(super) async fn call(State(core): State<Arc<Core>>, body: Body) -> Answered {
    let body = body?;
    let call: RpcRequest = match serde_json::from_slice(&body) {
        Ok(call) => call,
        Err(error) => return Ok(failed(&Value::Null, PARSE_ERROR, &error.to_string(), &Value::Null)),
    };
    let done = match call.method.as_str() {
        "newGid" => Ok(json!({ "gid": Gid::random() })),
        "prepare" => match request::read(call.params) {
            Ok(transaction) => do_prepare(&core, transaction).await.map(|()| Value::Null),
            Err(refused) => Err(refused),
        },
        "submit" => match request::read(call.params) {
            Ok(transaction) => do_submit(&core, transaction).await.map(|()| Value::Null),
            Err(refused) => Err(refused),
        },
        "abort" => match request::read(call.params) {
            Ok(transaction) => do_abort(&core, transaction).await.map(|()| Value::Null),
            Err(refused) => Err(refused),
        },
        "registerBranch" => Err(Refused::error("branches of tcc and xa are not supported by this coordinator")),
        other => {
            let message = format!("Method not found: {other}");
            return Ok(failed(&call.id, METHOD_NOT_FOUND, &message, &Value::Null));
        }
    };
    Ok(match done {
        Ok(result) => answer::json(&json!({ "jsonrpc": "2.0", "id": call.id, "result": result, "error": null })),
        Err(refused) => failed(&call.id, number_of(&refused), refused.message(), &json!({})),
    })
}

fn number_of(refused: &Refused) -> i32 {
    match refused.dtm_result() {
        Some(DtmResult::Failure) => FAILURE,
        Some(DtmResult::Ongoing) => ONGOING,
        Some(DtmResult::Success) | None => INTERNAL_ERROR,
    }
}

/// JSON-RPC reports errors in the body; the HTTP status is 200.
fn failed(id: &Value, code: i32, message: &str, result: &Value) -> Response {
    answer::json(&json!({
        "jsonrpc": "2.0",
        "id": id,
        "result": result,
        "error": { "code": code, "message": message },
    }))
}
