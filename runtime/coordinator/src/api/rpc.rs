//! The same API by JSON-RPC 2.0.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use branchwire_protocol::{DtmResult, Gid};
use http::StatusCode;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use super::answer::{self, Refused};
use super::extract::{Answered, Body};
use super::request;
use super::transactions::{do_abort, do_prepare, do_register, do_submit};
use crate::runner::Core;

const PARSE_ERROR: i32 = -32700;
const BAD_REQUEST: i32 = -32600;
const METHOD_NOT_FOUND: i32 = -32601;
const INTERNAL_ERROR: i32 = -32603;
/// DTM's codes for a refusal, and for a run that is not finished.
const FAILURE: i32 = -32901;
const ONGOING: i32 = -32902;

#[derive(Debug, Deserialize)]
#[serde(default)]
struct RpcRequest {
    jsonrpc: String,
    id: String,
    method: String,
    params: Value,
}

impl Default for RpcRequest {
    fn default() -> Self {
        Self { jsonrpc: String::new(), id: String::new(), method: String::new(), params: json!({}) }
    }
}

/// Why a method was not carried out.
enum Failed {
    /// There is no such method.
    NoMethod,
    /// Its parameters cannot be read.
    Parameters(Refused),
    /// It was refused.
    Refused(Refused),
}

pub(super) async fn call(State(core): State<Arc<Core>>, body: Body) -> Answered {
    let body = body?;
    let read = |object: Map<String, Value>| serde_json::from_value(Value::Object(object));
    let call: RpcRequest = match serde_json::from_slice(&body).and_then(read) {
        Ok(call) => call,
        Err(error) => {
            // Without the texts in it: clients search a response for words.
            let place = format!("Parse json error: line {} column {}", error.line(), error.column());
            let mut response = failed("", PARSE_ERROR, &place, &Value::Null);
            *response.status_mut() = StatusCode::BAD_REQUEST;
            return Ok(response);
        }
    };
    if call.jsonrpc != "2.0" || call.id.is_empty() {
        let message = "Bad json request: `jsonrpc` is \"2.0\", and `id` a text that is not empty";
        return Ok(failed(&call.id, BAD_REQUEST, message, &Value::Null));
    }
    Ok(match carry_out(&core, &call.method, call.params).await {
        Ok(result) => answer::json(&json!({ "jsonrpc": "2.0", "id": call.id, "result": result, "error": null })),
        Err(Failed::NoMethod) => {
            failed(&call.id, METHOD_NOT_FOUND, &format!("Method not found: {}", call.method), &Value::Null)
        }
        Err(Failed::Parameters(refused)) => failed(&call.id, number_of(&refused), refused.message(), &Value::Null),
        Err(Failed::Refused(refused)) => {
            let response = failed(&call.id, number_of(&refused), refused.message(), &json!({}));
            // As by the other API: proxies and clients wait and try again.
            answer::with_status(response, refused.passing_status().unwrap_or(StatusCode::OK))
        }
    })
}

async fn carry_out(core: &Arc<Core>, method: &str, params: Value) -> Result<Value, Failed> {
    match method {
        "newGid" => return Ok(json!({ "gid": Gid::random() })),
        "prepare" => do_prepare(core, read(params)?).await.map(drop),
        "submit" => do_submit(core, read(params)?).await.map(drop),
        "abort" => do_abort(core, read(params)?).await,
        "registerBranch" => do_register(core, read(params)?).await,
        _ => return Err(Failed::NoMethod),
    }
    .map(|()| Value::Null)
    .map_err(Failed::Refused)
}

fn read<T: DeserializeOwned>(params: Value) -> Result<T, Failed> {
    request::read(params).map_err(Failed::Parameters)
}

fn number_of(refused: &Refused) -> i32 {
    match refused.dtm_result() {
        Some(DtmResult::Failure) => FAILURE,
        Some(DtmResult::Ongoing) => ONGOING,
        Some(DtmResult::Success) | None => INTERNAL_ERROR,
    }
}

/// JSON-RPC reports errors in the body; the HTTP status is 200, unless the coordinator or its store cannot answer now.
fn failed(id: &str, code: i32, message: &str, result: &Value) -> Response {
    answer::json(&json!({
        "jsonrpc": "2.0",
        "id": id,
        "result": result,
        "error": { "code": code, "message": message },
    }))
}
