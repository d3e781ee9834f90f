//! Limits: a request beyond them is refused promptly, and leaves nothing behind.

use std::time::Duration;

use branchwire_coordinator::{Coordinator, Retention, store};
use branchwire_tests::database::TestDatabase;
use serde_json::{Value, json};

use super::{Running, gid, message};
use crate::conformance::host::Host;

#[tokio::test]
async fn past_its_bound_a_coordinator_answers_503_and_records_nothing() {
    let database = TestDatabase::sqlite();
    let coordinator = Running::start(Coordinator::builder().store(database.url()).in_memory_max(2)).await;
    let (first, second, third) = (gid(), gid(), gid());
    let action = ["http://127.0.0.1:1/in".to_owned()];
    // Two may be in memory, and one of them idle. So three can be prepared one by one, but none while two are in
    // memory.
    coordinator.done("prepare", &message(&first, &action)).await;
    coordinator.done("submit", &message(&second, &action)).await;
    coordinator.wait(&second, |seen| seen["transaction"]["owner"] == "").await;
    coordinator.done("prepare", &message(&third, &action)).await;

    let strict = Running::start(Coordinator::builder().store(TestDatabase::sqlite().url()).in_memory_max(0)).await;
    let refused = strict.post("prepare", &message(&gid(), &action)).await;
    assert_eq!(refused.status(), 503);
    assert_eq!(refused.headers()["retry-after"], "1");
    // By JSON-RPC as well, so that a proxy or a client that looks at the status waits and tries again.
    let call = json!({ "jsonrpc": "2.0", "id": "1", "method": "prepare", "params": message(&gid(), &action) });
    let refused = strict.post("../json-rpc", &call).await;
    assert_eq!((refused.status().as_u16(), refused.headers()["retry-after"].as_bytes()), (503, &b"1"[..]));
    let body: Value = refused.json().await.expect("the protocol's form");
    assert_eq!((&body["id"], &body["error"]["code"]), (&json!("1"), &json!(-32603)));
    assert_eq!(strict.metric("branchwire_store_writes_total").await, 0);
    strict.stop().await;
    coordinator.stop().await;
}

#[tokio::test]
async fn requests_that_cannot_be_stored_or_called_are_refused_before_anything_is_recorded() {
    let database = TestDatabase::sqlite();
    let coordinator = Running::on(database.url()).await;
    let long = "x".repeat(1_100);
    let with = |change: &dyn Fn(&mut Value)| {
        let mut message = message(&gid(), &["http://127.0.0.1:1/in".to_owned()]);
        change(&mut message);
        message
    };
    let cases = [
        ("no gid", with(&|m| m["gid"] = json!(""))),
        ("a long gid", with(&|m| m["gid"] = json!("g".repeat(129)))),
        ("a gid with NUL", with(&|m| m["gid"] = json!("a\0b"))),
        ("a long address", with(&|m| m["steps"][0]["action"] = json!(format!("http://a/{long}")))),
        ("no address", with(&|m| m["steps"][0]["action"] = json!("in"))),
        ("a strange address", with(&|m| m["query_prepared"] = json!("file:///etc/passwd"))),
        ("long custom data", with(&|m| m["custom_data"] = json!(format!(r#"{{"delay":0,"x":"{long}"}}"#)))),
        ("custom data that is none", with(&|m| m["custom_data"] = json!("{"))),
        ("a negative delay", with(&|m| m["custom_data"] = json!(r#"{"delay":-1}"#))),
        ("a delay beyond all time", with(&|m| m["custom_data"] = json!(r#"{"delay":18446744073709551615}"#))),
        ("a negative time", with(&|m| m["retry_interval"] = json!(-1))),
        ("a time beyond all time", with(&|m| m["timeout_to_fail"] = json!(i64::MAX))),
        ("a number too large", with(&|m| m["request_timeout"] = json!(u64::MAX))),
        ("long headers", with(&|m| m["branch_headers"] = json!({ "x-token": long.clone() }))),
        ("a header that smuggles", with(&|m| m["branch_headers"] = json!({ "Content-Length": "0" }))),
        ("a header that breaks lines", with(&|m| m["branch_headers"] = json!({ "x": "a\r\nb: c" }))),
        ("too many steps", {
            let steps = vec!["http://127.0.0.1:1/in".to_owned(); 1_001];
            message(&gid(), &steps)
        }),
        ("another protocol", with(&|m| m["protocol"] = json!("grpc"))),
        ("steps of another type", with(&|m| m["steps"] = json!("none"))),
    ];
    for (what, message) in cases {
        for route in ["prepare", "submit"] {
            let refused = coordinator.post(route, &message).await;
            assert_eq!(refused.status(), 500, "{what}");
            let body: Value = refused.json().await.expect("the protocol's form");
            assert!(body["message"].is_string() && body["dtm_result"].is_null(), "{what}: {body}");
        }
    }
    assert_eq!(coordinator.metric("branchwire_store_writes_total").await, 0);
    coordinator.stop().await;
}

#[tokio::test]
async fn a_gid_that_contains_a_word_of_the_protocol_decides_nothing() {
    let database = TestDatabase::sqlite();
    let coordinator = Running::on(database.url()).await;
    for word in ["FAILURE", "ONGOING"] {
        let unknown = coordinator.post("abort", &json!({ "gid": word, "trans_type": "msg" })).await;
        assert_eq!(unknown.status(), 500);
        assert!(!unknown.text().await.expect("text").contains(word));
    }
    coordinator.stop().await;
}

#[tokio::test]
async fn a_body_that_is_too_large_is_refused_in_the_protocols_form() {
    let database = TestDatabase::sqlite();
    let coordinator = Running::on(database.url()).await;
    let refused = coordinator.post("submit", &json!("x".repeat(17 << 20))).await;
    assert_eq!(refused.status(), 413);
    let body: Value = refused.json().await.expect("the protocol's form");
    assert!(body["message"].is_string());
    coordinator.stop().await;
}

#[tokio::test]
async fn only_transactions_that_ended_long_enough_ago_are_removed() {
    let mut databases = vec![TestDatabase::sqlite()];
    databases.extend(TestDatabase::postgres().await);
    databases.extend(TestDatabase::mysql().await);
    let host = Host::start().await;
    for database in databases {
        let retention = Retention::For(Duration::from_millis(1));
        let coordinator = Running::start(Coordinator::builder().store(database.url()).retention(retention)).await;
        let (kept, gone) = (gid(), gid());
        host.script(&gone, std::collections::BTreeMap::new());
        coordinator.done("prepare", &message(&kept, &[])).await;
        coordinator.done("submit", &message(&gone, &[format!("{}/{gone}/in", host.url)])).await;
        coordinator.wait(&gone, |seen| seen["transaction"].is_null() && seen["branches"] == json!([])).await;
        assert_eq!(coordinator.query(&kept).await["transaction"]["status"], "prepared");
        coordinator.stop().await;
    }
}

#[tokio::test]
async fn a_sqlite_store_at_its_size_limit_refuses_new_messages_and_loses_nothing() {
    let database = TestDatabase::sqlite();
    let host = Host::start().await;
    let builder = |bytes_max| {
        let options = store::Options { sqlite_bytes_max: Some(bytes_max), ..store::Options::default() };
        Coordinator::builder().store(database.url()).store_options(options)
    };
    let coordinator = Running::start(builder(256 << 10)).await;
    let (mut taken, mut refused) = (Vec::new(), Vec::new());
    while refused.len() < 3 {
        let gid = gid();
        host.script(&gid, std::collections::BTreeMap::new());
        let mut message = message(&gid, &[format!("{}/{gid}/in", host.url)]);
        message["payloads"] = json!(["x".repeat(4 << 10)]);
        let answer = coordinator.post("submit", &message).await;
        if answer.status() == 200 {
            taken.push(gid);
        } else {
            let status = answer.status();
            assert!(status.is_server_error(), "{status}: {}", answer.text().await.expect("text"));
            refused.push((gid, message));
        }
        assert!(taken.len() < 100, "the store has grown too large");
    }
    assert!(taken.len() > 10, "only {} were taken", taken.len());
    for (gid, _) in &refused {
        assert!(coordinator.query(gid).await["transaction"].is_null(), "nothing is recorded");
    }
    coordinator.stop().await;

    // There may be no room for the end of the last ones, too; they end when there is.
    let coordinator = Running::start(builder(8 << 20)).await;
    for gid in &taken {
        coordinator.wait_status(gid, "succeed").await;
    }
    for (gid, message) in &refused {
        coordinator.done("submit", message).await;
        coordinator.wait_status(gid, "succeed").await;
    }
    coordinator.stop().await;
}
