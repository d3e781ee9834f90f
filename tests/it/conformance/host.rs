//! A branch host: sends scripted responses, and records its calls.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::body::Bytes;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use serde_json::Value;
use tokio::net::TcpListener;

use super::vector::CallSeen;

/// The headers of a call that are compared.
const HEADERS: [&str; 3] = ["content-type", "x-token", "x-user"];

/// The responses of one scenario's paths, and their recorded calls.
#[derive(Debug)]
struct Script {
    start: Instant,
    answers: BTreeMap<String, Vec<Value>>,
    calls: Vec<CallSeen>,
}

type Scripts = Arc<Mutex<HashMap<String, Script>>>;

/// One host for all scenarios; each has the first segment of the path for itself.
#[derive(Debug)]
pub(crate) struct Host {
    pub(crate) url: String,
    scripts: Scripts,
}

impl Host {
    pub(crate) async fn start() -> Self {
        let scripts = Scripts::default();
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("its address"));
        let router = axum::Router::new().fallback(answer).with_state(scripts.clone());
        tokio::spawn(axum::serve(listener, router).into_future());
        Self { url, scripts }
    }

    pub(crate) fn script(&self, scenario: &str, answers: BTreeMap<String, Vec<Value>>) {
        let script = Script { start: Instant::now(), answers, calls: Vec::new() };
        self.scripts.lock().expect("no panic").insert(scenario.to_owned(), script);
    }

    pub(crate) fn calls(&self, scenario: &str) -> Vec<CallSeen> {
        self.scripts.lock().expect("no panic")[scenario].calls.clone()
    }
}

async fn answer(
    State(scripts): State<Scripts>,
    method: Method,
    uri: Uri,
    Query(query): Query<BTreeMap<String, String>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let (scenario, path) = uri.path()[1..].split_once('/').unwrap_or(("", ""));
    let path = format!("/{path}");
    let answer = {
        let mut scripts = scripts.lock().expect("no panic");
        let Some(script) = scripts.get_mut(scenario) else { return StatusCode::NOT_FOUND.into_response() };
        let count = script.calls.iter().filter(|call| call.path == path).count();
        let kept = |name: &&str| Some(((*name).to_owned(), headers.get(*name)?.to_str().ok()?.to_owned()));
        script.calls.push(CallSeen {
            method: method.to_string(),
            path: path.clone(),
            query,
            headers: HEADERS.iter().filter_map(kept).collect(),
            body: String::from_utf8_lossy(&body).into_owned(),
            after_s: i64::try_from(script.start.elapsed().as_secs()).expect("not that long"),
        });
        let answers = script.answers.get(&path);
        answers.map_or(Value::Null, |answers| answers[count.min(answers.len() - 1)].clone())
    };
    if let Some(seconds) = answer[2].as_f64() {
        tokio::time::sleep(Duration::from_secs_f64(seconds)).await;
    }
    let status = answer[0].as_u64().map_or(StatusCode::OK, |status| {
        StatusCode::from_u16(u16::try_from(status).expect("a status")).expect("a status")
    });
    let text = answer[1].as_str().unwrap_or(r#"{"dtm_result":"SUCCESS"}"#).to_owned();
    (status, [(header::CONTENT_TYPE, "application/json")], text).into_response()
}
