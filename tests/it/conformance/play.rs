//! Runs one scenario: fills in placeholders, sends the requests, and replaces varying values by placeholders.

use std::time::{Duration, Instant};

use branchwire::protocol::Gid;
use reqwest::Client;
use serde_json::{Map, Value};
use tokio::net::TcpListener;

use super::host::Host;
use super::vector::{Request, Response, Step, Vector};

/// How long to wait for a status.
const WAIT: Duration = Duration::from_secs(25);

/// A step that takes so much longer than it should was late. Scenarios have half a second between what they compare.
const LATE: Duration = Duration::from_millis(200);

/// Fields of a response that are not compared.
const LEFT_OUT: [&str; 6] = ["id", "owner", "next_cron_interval", "ext_data", "version", "facts"];

/// How the names of fields with times end.
const TIMES: [&str; 5] = ["create_time", "update_time", "finish_time", "rollback_time", "next_cron_time"];

struct Play<'a> {
    client: Client,
    url: &'a str,
    gid: String,
    branch: String,
    closed: String,
}

/// A scenario as recorded here.
pub(crate) struct Played {
    pub(crate) vector: Vector,
    /// Whether a step took much longer than it should: then the machine was busy, and something else may have come first.
    pub(crate) late: bool,
}

/// Plays a scenario.
pub(crate) async fn play(vector: &Vector, url: &str, host: &Host) -> Played {
    let play = Play::new(vector, url, host).await;
    let mut steps = Vec::new();
    let mut late = false;
    for step in &vector.steps {
        let start = Instant::now();
        let should_take = match step {
            Step::Sleep { sleep } => Duration::from_secs_f64(*sleep),
            Step::Request { .. } => Duration::ZERO,
            Step::Wait { .. } | Step::UntilCalled { .. } => WAIT,
        };
        steps.push(match step {
            Step::Request { request, .. } => {
                Step::Request { request: request.clone(), response: play.ask(request).await }
            }
            Step::Wait { wait, .. } => Step::Wait { wait: wait.clone(), reached: play.wait(wait).await },
            Step::UntilCalled { until_called, times, .. } => Step::UntilCalled {
                until_called: until_called.clone(),
                times: *times,
                reached: play.until_called(host, until_called, *times).await,
            },
            Step::Sleep { sleep } => {
                tokio::time::sleep(Duration::from_secs_f64(*sleep)).await;
                step.clone()
            }
        });
        late |= start.elapsed() > should_take + LATE;
    }
    let mut calls = host.calls(&play.gid);
    for call in &mut calls {
        call.body = by_rpc(play.hide(&call.body));
        call.query.values_mut().for_each(|value| *value = play.hide(value));
    }
    Played { vector: Vector { steps, calls, end: play.transaction().await, ..vector.clone() }, late }
}

/// Plays a scenario's first request, which must be refused with a text that says why.
pub(crate) async fn is_refused(vector: &Vector, url: &str, host: &Host) -> Vec<String> {
    let play = Play::new(vector, url, host).await;
    let Some(Step::Request { request, .. }) = vector.steps.first() else { return vec!["no request".to_owned()] };
    let Response { status, body } = play.ask(request).await;
    let says_so = body["message"].as_str().is_some_and(|text| text.contains("not supported by this coordinator"));
    if status == 500 && says_so && play.transaction().await["transaction"].is_null() {
        Vec::new()
    } else {
        vec![format!("not refused: {status} {body}")]
    }
}

impl<'a> Play<'a> {
    async fn new(vector: &Vector, url: &'a str, host: &Host) -> Self {
        let gid = format!("{}-{}", vector.title, Gid::random());
        host.script(&gid, vector.answers.clone());
        let closed = TcpListener::bind("127.0.0.1:0").await.and_then(|listener| listener.local_addr());
        Self {
            client: Client::new(),
            url: url.trim_end_matches('/'),
            branch: format!("{}/{gid}", host.url),
            closed: format!("http://{}", closed.expect("a port that is closed again")),
            gid,
        }
    }

    fn fill(&self, text: &str) -> String {
        text.replace("<gid>", &self.gid).replace("<branch>", &self.branch).replace("<closed>", &self.closed)
    }

    fn hide(&self, text: &str) -> String {
        text.replace(&self.branch, "<branch>").replace(&self.gid, "<gid>").replace(&self.closed, "<closed>")
    }

    async fn ask(&self, request: &Request) -> Response {
        let path = self.fill(&request.path);
        let url = if path.starts_with('/') {
            format!("{}{path}", self.url.split_once("/api/").map_or(self.url, |(root, _)| root))
        } else {
            format!("{}/{path}", self.url)
        };
        let text = |value: &Value| self.fill(value.as_str().map_or(value.to_string(), str::to_owned).as_str());
        let query: Vec<_> = request.query.iter().map(|(name, value)| (name, text(value))).collect();
        let mut url = url::Url::parse(&url).expect("an address");
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        let mut asked = self.client.request(request.method.parse().expect("a method"), url);
        if !request.body.is_null() {
            asked = asked.header("content-type", "application/json").body(text(&request.body));
        }
        let answer = asked.send().await.expect("an answer");
        let status = answer.status().as_u16();
        let text = self.hide(&answer.text().await.expect("its text"));
        Response { status, body: normal(&text, request) }
    }

    async fn transaction(&self) -> Value {
        let query = [("gid".to_owned(), Value::from("<gid>"))].into();
        let request = Request { method: "GET".to_owned(), path: "query".to_owned(), query, body: Value::Null };
        self.ask(&request).await.body
    }

    /// Waits for this many calls of a path; returns how many came, at most that many.
    async fn until_called(&self, host: &Host, path: &str, times: usize) -> usize {
        let start = Instant::now();
        loop {
            let came = host.calls(&self.gid).iter().filter(|call| call.path == path).count();
            if came >= times || start.elapsed() > WAIT {
                return came.min(times);
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    async fn wait(&self, wanted: &[String]) -> String {
        let start = Instant::now();
        loop {
            let answer = self.transaction().await;
            let status = answer["transaction"]["status"].as_str().unwrap_or("unknown").to_owned();
            if wanted.contains(&status) {
                return status;
            }
            if start.elapsed() > WAIT {
                return format!("still {status}");
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

/// The body of a call by JSON-RPC, with any id; the order of its members does not matter.
fn by_rpc(body: String) -> String {
    match serde_json::from_str(&body) {
        Ok(Value::Object(mut call)) if call.contains_key("jsonrpc") => {
            call.insert("id".to_owned(), Value::from("<id>"));
            Value::Object(call).to_string()
        }
        _ => body,
    }
}

/// A response with its varying values replaced.
fn normal(text: &str, request: &Request) -> Value {
    let Ok(value) = serde_json::from_str(text) else { return Value::from(text) };
    if request.path == "version" {
        return serde_json::json!({ "version": "<version>" });
    }
    let mut value = hide_what_varies(value);
    let gid = if request.path == "newGid" {
        value.get_mut("gid")
    } else if request.body["method"] == "newGid" {
        value.get_mut("result").and_then(|result| result.get_mut("gid"))
    } else {
        None
    };
    if let Some(gid) = gid {
        *gid = Value::from("<new-gid>");
    }
    value
}

fn hide_what_varies(value: Value) -> Value {
    match value {
        Value::Object(members) => {
            let members = members.into_iter().filter(|(name, _)| !LEFT_OUT.contains(&name.as_str()));
            let hide = |(name, value): (String, Value)| {
                let is_time = TIMES.contains(&name.as_str()) && !value.is_null();
                (name, if is_time { Value::from("<time>") } else { hide_what_varies(value) })
            };
            Value::Object(members.map(hide).collect::<Map<_, _>>())
        }
        Value::Array(items) => Value::Array(items.into_iter().map(hide_what_varies).collect()),
        other => other,
    }
}
