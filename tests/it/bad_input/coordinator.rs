//! The coordinator's routes: an answer in the protocol's form, never a panic, and no transaction that was not acknowledged.

use std::cell::RefCell;
use std::collections::BTreeSet;

use axum::body::{Body, to_bytes};
use axum::http::{HeaderValue, Request, StatusCode, header};
use branchwire_coordinator::Coordinator;
use branchwire_tests::database::TestDatabase;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};
use tokio::runtime::Runtime;
use tower::ServiceExt;
use url::form_urlencoded;

use super::corpus;

const POST_ROUTES: [&str; 9] = [
    "/api/dtmsvr/prepare",
    "/api/dtmsvr/submit",
    "/api/dtmsvr/abort",
    "/api/dtmsvr/registerBranch",
    "/api/dtmsvr/prepareWorkflow",
    "/api/dtmsvr/forceStop",
    "/api/dtmsvr/resetNextCronTime",
    "/api/json-rpc",
    "/api/dtmsvr/newGid",
];

const GET_ROUTES: [&str; 9] = [
    "/api/dtmsvr/query",
    "/api/dtmsvr/all",
    "/api/dtmsvr/resetCronTime",
    "/api/dtmsvr/subscribe",
    "/api/dtmsvr/unsubscribe",
    "/api/dtmsvr/scanKV",
    "/api/dtmsvr/queryKV",
    "/api/dtmsvr/newGid",
    "/api/dtmsvr/version",
];

/// The parameters that the routes know.
const PARAMETERS: [&str; 11] = [
    "gid",
    "status",
    "transType",
    "createTimeStart",
    "createTimeEnd",
    "position",
    "limit",
    "timeout",
    "topic",
    "url",
    "cat",
];

/// A coordinator without a socket, and the gids that it has acknowledged.
struct Target {
    coordinator: Coordinator,
    acknowledged: RefCell<BTreeSet<String>>,
    _database: TestDatabase,
}

impl Target {
    async fn on(database: TestDatabase) -> Self {
        let builder = Coordinator::builder().store(database.url());
        let coordinator = builder.start().await.expect("the coordinator starts");
        Self { coordinator, acknowledged: RefCell::default(), _database: database }
    }

    /// Sends a request; its answer, whose form has been checked.
    async fn send(&self, method: &str, uri: &str, body: Vec<u8>) -> (StatusCode, Value) {
        let request = Request::builder().method(method).uri(uri).body(Body::from(body)).expect("a request");
        let Ok(response) = self.coordinator.router().oneshot(request).await;
        let status = response.status();
        let content_type = response.headers().get(header::CONTENT_TYPE).cloned();
        let body = to_bytes(response.into_body(), usize::MAX).await.expect("a body");
        let text = String::from_utf8_lossy(&body);
        let shown = format!("{method} {uri:.200}: {status} {text:.500}");
        assert_eq!(content_type.as_ref().map(HeaderValue::as_bytes), Some(&b"application/json"[..]), "{shown}");
        let answer: Value = serde_json::from_slice(&body).unwrap_or_else(|error| panic!("{shown}: {error}"));
        match status.as_u16() {
            200 => {}
            400 if uri == "/api/json-rpc" => {
                assert_eq!(answer["error"]["code"], -32700, "{shown}");
                assert!(!text.contains("FAILURE") && !text.contains("ONGOING"), "{shown}");
            }
            400 | 404 | 405 | 413 | 500 | 503 => {
                assert!(answer["message"].is_string(), "{shown}");
                // A client searches the whole answer for these words.
                assert!(!text.contains("FAILURE") && !text.contains("ONGOING"), "{shown}");
            }
            409 => assert_eq!(answer["dtm_result"], "FAILURE", "{shown}"),
            425 => assert_eq!(answer["dtm_result"], "ONGOING", "{shown}"),
            _ => panic!("{shown}"),
        }
        (status, answer)
    }

    /// Sends a body that may be a message, and keeps its gid if it is accepted.
    async fn post(&self, route: &str, body: Vec<u8>) {
        let sent: Value = serde_json::from_slice(&body).unwrap_or_default();
        let (_, answer) = self.send("POST", route, body).await;
        let (method, message) = match route {
            "/api/json-rpc" => (sent["method"].as_str().unwrap_or_default(), &sent["params"]),
            _ => (route.rsplit('/').next().unwrap_or_default(), &sent),
        };
        // A response after an unsuccessful run means that the message was recorded.
        let error = if answer["error"].is_null() { &answer } else { &answer["error"] };
        let taken = error["message"].as_str().is_none_or(|message| message.starts_with("submitted;"));
        if matches!(method, "prepare" | "submit") && taken {
            let gid = message["gid"].as_str().expect("no transaction without a gid").to_owned();
            self.acknowledged.borrow_mut().insert(gid);
        }
    }

    /// Checks that the store has exactly the acknowledged gids, and that the coordinator still works.
    async fn check(self) {
        let mut stored = BTreeSet::new();
        let mut position = String::new();
        loop {
            let (_, page) = self.send("GET", &format!("/api/dtmsvr/all?limit=100&position={position}"), vec![]).await;
            let rows = page["transactions"].as_array().expect("transactions");
            stored.extend(rows.iter().map(|row| row["gid"].as_str().expect("a gid").to_owned()));
            page["next_position"].as_str().unwrap_or_default().clone_into(&mut position);
            if position.is_empty() {
                break;
            }
        }
        assert_eq!(stored, *self.acknowledged.borrow());
        let good = json!({ "gid": "good", "trans_type": "msg", "steps": [], "payloads": [], "wait_result": true });
        let (status, _) = self.send("POST", "/api/dtmsvr/submit", good.to_string().into()).await;
        assert_eq!(status, 200);
        let (_, shown) = self.send("GET", "/api/dtmsvr/query?gid=good", vec![]).await;
        assert_eq!(shown["transaction"]["status"], "succeed");
        self.coordinator.stop().await;
    }
}

#[tokio::test]
async fn every_body_of_the_corpus_is_answered_on_every_route() {
    let target = Target::on(TestDatabase::sqlite()).await;
    for route in POST_ROUTES {
        for (_, body) in corpus::bodies() {
            target.post(route, body).await;
        }
    }
    target.check().await;
}

#[tokio::test]
async fn every_name_and_address_of_the_corpus_is_answered_on_sqlite() {
    every_name_and_address_is_answered(Some(TestDatabase::sqlite())).await;
}

#[tokio::test]
async fn every_name_and_address_of_the_corpus_is_answered_on_postgres() {
    every_name_and_address_is_answered(TestDatabase::postgres().await).await;
}

#[tokio::test]
async fn every_name_and_address_of_the_corpus_is_answered_on_mysql() {
    every_name_and_address_is_answered(TestDatabase::mysql().await).await;
}

async fn every_name_and_address_is_answered(database: Option<TestDatabase>) {
    let Some(database) = database else { return };
    let target = Target::on(database).await;
    on_every_route(&target).await;
    target.check().await;
}

async fn on_every_route(target: &Target) {
    for name in corpus::names() {
        for route in GET_ROUTES {
            for parameter in PARAMETERS {
                let query = form_urlencoded::Serializer::new(String::new())
                    .extend_pairs([("topic", "t"), ("url", corpus::NOWHERE), (parameter, &name)])
                    .finish();
                // A URI has at most 64 KiB.
                if query.len() < 60_000 {
                    target.send("GET", &format!("{route}?{query}"), vec![]).await;
                }
            }
        }
        let message = json!({ "gid": name, "trans_type": "msg", "steps": [{ "action": corpus::NOWHERE }] });
        for route in POST_ROUTES {
            target.post(route, message.to_string().into()).await;
            let call = json!({ "jsonrpc": "2.0", "id": 1, "method": "prepare", "params": message });
            target.post("/api/json-rpc", call.to_string().into()).await;
        }
    }
    for url in corpus::urls() {
        let message = json!({ "gid": "of-a-url", "trans_type": "msg", "steps": [{ "action": url }],
            "query_prepared": url });
        for route in POST_ROUTES {
            target.post(route, message.to_string().into()).await;
        }
        let query =
            form_urlencoded::Serializer::new(String::new()).extend_pairs([("topic", "t"), ("url", &url)]).finish();
        target.send("GET", &format!("/api/dtmsvr/subscribe?{query}"), vec![]).await;
    }
    for query in ["%", "%zz", "gid=%ff", "limit=-1", "limit=99999999999999999999", "gid&gid&gid", "=&=&="] {
        for route in GET_ROUTES {
            target.send("GET", &format!("{route}?{query}"), vec![]).await;
        }
    }
    for topic in ["%00", "%ff", "%2f", "..", "a%0d%0ab"] {
        target.send("DELETE", &format!("/api/dtmsvr/topic/{topic}"), vec![]).await;
    }
}

#[test]
fn any_message_is_answered() {
    let runtime = Runtime::new().expect("a runtime");
    let target = runtime.block_on(Target::on(TestDatabase::sqlite()));
    let mut runner = TestRunner::new(Config { failure_persistence: None, ..Config::with_cases(400) });
    let routes = prop::sample::select(POST_ROUTES.to_vec());
    let result = runner.run(&(routes, corpus::messages()), |(route, message)| {
        let body = match route {
            "/api/json-rpc" => json!({ "id": 1, "method": "submit", "params": message }),
            _ => message,
        };
        runtime.block_on(target.post(route, body.to_string().into()));
        Ok(())
    });
    result.unwrap_or_else(|error| panic!("{error}"));
    runtime.block_on(target.check());
}

#[test]
fn any_bytes_are_answered() {
    let runtime = Runtime::new().expect("a runtime");
    let target = runtime.block_on(Target::on(TestDatabase::sqlite()));
    let mut runner = TestRunner::new(Config { failure_persistence: None, ..Config::with_cases(400) });
    let routes = prop::sample::select(POST_ROUTES.to_vec());
    let result = runner.run(&(routes, prop::collection::vec(any::<u8>(), 0..200)), |(route, bytes)| {
        runtime.block_on(target.post(route, bytes));
        Ok(())
    });
    result.unwrap_or_else(|error| panic!("{error}"));
    runtime.block_on(target.check());
}
