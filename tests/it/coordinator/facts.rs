//! The facts that `query` and `all` have about each transaction, and the numbers about all of them.

use std::collections::BTreeMap;
use std::time::Duration;

use branchwire_coordinator::{Clock, Coordinator};
use branchwire_tests::database::TestDatabase;
use serde_json::{Value, json};

use super::{Running, gid, message};
use crate::conformance::host::Host;

/// A text that a browser, a shell, a database or a reader of answers could take for a command.
const HOSTILE: &str = "<script>alert('x')</script> \u{0} \"; DROP TABLE trans_global; -- \u{202e} SUCCESS";

async fn databases() -> Vec<TestDatabase> {
    let mut databases = vec![TestDatabase::sqlite()];
    databases.extend(TestDatabase::postgres().await);
    databases.extend(TestDatabase::mysql().await);
    databases
}

/// The facts about a branch.
fn branch<'a>(seen: &'a Value, branch_id: &str) -> &'a Value {
    let branches = seen["transaction"]["facts"]["branches"].as_array().expect("a list");
    branches.iter().find(|branch| branch["branch_id"] == branch_id).unwrap_or(&Value::Null)
}

#[tokio::test]
async fn what_a_branch_said_and_when_it_is_called_next_outlives_the_coordinator() {
    let host = Host::start().await;
    for database in databases().await {
        let gid = gid();
        let said = format!("{HOSTILE}{}", "ü".repeat(300));
        host.script(&gid, BTreeMap::from([("/in2".to_owned(), vec![json!([503, said]), json!([200, "up"])])]));
        let coordinator = Running::on(database.url()).await;
        let steps = [format!("{}/{gid}/in", host.url), format!("{}/{gid}/in2", host.url)];
        let mut message = message(&gid, &steps);
        message["retry_interval"] = json!(600);
        coordinator.done("submit", &message).await;
        let waits = |seen: &Value| seen["transaction"]["facts"]["waits"]["why"] == "retry";
        let before = coordinator.wait(&gid, waits).await;
        coordinator.stop().await;

        // Another coordinator on the same store.
        let coordinator = Running::on(database.url()).await;
        let seen = coordinator.query(&gid).await;
        for id in ["01", "02"] {
            assert_eq!(branch(&seen, id)["last"], branch(&before, id)["last"]);
        }
        let failing = branch(&seen, "02");
        assert_eq!((&failing["attempts"], &failing["op"]), (&json!(1), &json!("action")));
        let last = &failing["last"];
        assert_eq!((&last["answer"], &last["http_status"]), (&json!("unknown"), &json!(503)));
        assert!(last["ms"].is_u64() && last["at"].is_string(), "{last}");
        let shown = last["said"].as_str().expect("a text");
        assert!(shown.starts_with("<script>alert('x')</script>  \"; DROP TABLE"), "{shown}");
        assert_eq!(shown.chars().count(), 200);
        assert_eq!(failing["next_call"], seen["transaction"]["facts"]["waits"]["until"]);
        // The one that succeeded at once is in the history, with its time.
        let calls = seen["transaction"]["facts"]["calls"].as_array().expect("a list");
        let history: Vec<_> = calls.iter().map(|call| (call["branch_id"].as_str(), call["answer"].as_str())).collect();
        assert_eq!(history, [(Some("01"), Some("success")), (Some("02"), Some("unknown"))]);
        assert_eq!(branch(&seen, "01")["last"]["ms"], calls[0]["ms"]);
        let text = seen["transaction"]["facts"]["waits"]["text"].as_str().expect("a text");
        assert_eq!(text, "branch 02 action ended as `unknown` with status 503 (call 1) and is called again");
        // A DTM server's own view of the row has none of this.
        assert_eq!(seen["transaction"]["ext_data"], Value::Null);

        coordinator.done("resetNextCronTime", &json!({ "gid": gid })).await;
        let ended = coordinator.wait_status(&gid, "succeed").await;
        assert_eq!(ended["transaction"]["facts"]["waits"], Value::Null);
        assert_eq!(branch(&ended, "02")["attempts"], 2);
        assert_eq!(branch(&ended, "02")["last"]["answer"], "success");
        coordinator.stop().await;
    }
}

#[tokio::test]
async fn a_message_without_trouble_stores_nothing_more_and_shows_what_its_rows_say() {
    let host = Host::start().await;
    for database in databases().await {
        let (gid, coordinator) = (gid(), Running::on(database.url()).await);
        host.script(&gid, BTreeMap::new());
        coordinator.done("submit", &message(&gid, &[format!("{}/{gid}/in", host.url)])).await;
        let seen = coordinator.wait_status(&gid, "succeed").await;
        assert_eq!(seen["transaction"]["facts"]["calls"], json!([]), "no history is kept");
        let only = branch(&seen, "01");
        assert_eq!((&only["attempts"], &only["last"]["answer"]), (&json!(1), &json!("success")));
        assert!(only["last"]["at"].is_string(), "{only}");
        coordinator.stop().await;
    }
}

#[tokio::test]
async fn a_branch_that_cannot_be_reached_says_why() {
    let database = TestDatabase::sqlite();
    let (gid, coordinator) = (gid(), Running::on(database.url()).await);
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let closed = listener.local_addr().expect("its address");
    drop(listener);
    coordinator.done("submit", &message(&gid, &[format!("http://{closed}/in")])).await;
    let seen = coordinator.wait(&gid, |seen| seen["transaction"]["facts"]["waits"]["why"] == "retry").await;
    let last = &branch(&seen, "01")["last"];
    assert_eq!(last["http_status"], Value::Null);
    assert!(last["said"].as_str().is_some_and(|said| said.contains("refused")), "{last}");
    coordinator.stop().await;
}

#[tokio::test]
async fn a_prepared_message_says_that_its_submit_is_awaited_and_then_what_query_prepared_answered() {
    let (host, database, gid) = (Host::start().await, TestDatabase::sqlite(), gid());
    let busy = vec![json!([425, "ONGOING"]), json!([425, "ONGOING"])];
    host.script(&gid, BTreeMap::from([("/in/prepared".to_owned(), busy)]));
    let coordinator = Running::on(database.url()).await;
    let message = message(&gid, &[format!("{}/{gid}/in", host.url)]);
    coordinator.done("prepare", &message).await;
    let waits = coordinator.query(&gid).await["transaction"]["facts"]["waits"].clone();
    assert_eq!((&waits["why"], &waits["overdue"]), (&json!("submit"), &json!(false)));
    coordinator.done("resetNextCronTime", &json!({ "gid": gid })).await;
    let seen = coordinator.wait(&gid, |seen| seen["transaction"]["facts"]["waits"]["why"] == "query_prepared").await;
    assert_eq!(branch(&seen, "00")["last"]["http_status"], 425);
    coordinator.stop().await;
}

#[tokio::test]
async fn a_prepared_message_that_nobody_can_be_asked_about_is_overdue() {
    let (database, clock, gid) = (TestDatabase::sqlite(), Clock::manual(Clock::System.now()), gid());
    let coordinator = Running::start(Coordinator::builder().store(database.url()).with_clock(clock.clone())).await;
    let mut message = message(&gid, &["http://127.0.0.1:9/in".to_owned()]);
    message["query_prepared"] = json!("");
    coordinator.done("prepare", &message).await;
    assert_eq!(coordinator.query(&gid).await["transaction"]["facts"]["waits"]["why"], "submit");
    clock.advance(Duration::from_secs(61));
    let was_due = |seen: &Value| seen["transaction"]["update_time"] != seen["transaction"]["create_time"];
    let seen = coordinator.wait(&gid, was_due).await;
    let text = "it was not submitted, and has no query-prepared address to ask";
    let waits = json!({ "why": "nobody_to_ask", "overdue": true, "text": text });
    assert_eq!(seen["transaction"]["facts"]["waits"], waits);
    assert_eq!(coordinator.metric("branchwire_transactions_overdue{pattern=\"msg\"}").await, 1);
    coordinator.stop().await;
}

#[tokio::test]
async fn the_metrics_have_what_is_unfinished_and_count_alarms() {
    let (host, database, gid) = (Host::start().await, TestDatabase::sqlite(), gid());
    host.script(
        &gid,
        BTreeMap::from([("/in".to_owned(), [vec![json!([500, "down"]); 3], vec![json!([200, "up"])]].concat())]),
    );
    let coordinator = Running::start(Coordinator::builder().store(database.url())).await;
    assert_eq!(coordinator.metric("branchwire_transactions_unfinished{pattern=\"msg\"}").await, 0);
    assert_eq!(coordinator.metric("branchwire_alarms_total{reason=\"no_progress\"}").await, 0);
    coordinator.done("submit", &message(&gid, &[format!("{}/{gid}/in", host.url)])).await;
    for attempts in 1..=3 {
        let called = |seen: &Value| branch(seen, "01")["attempts"] == attempts;
        coordinator.wait(&gid, called).await;
        coordinator.done("resetNextCronTime", &json!({ "gid": gid })).await;
    }
    assert_eq!(coordinator.metric("branchwire_alarms_total{reason=\"no_progress\"}").await, 1);
    let listed = async |attention: &str| {
        let response = reqwest::get(format!("{}/api/dtmsvr/all?attention={attention}", coordinator.url)).await;
        response.expect("an answer").json::<Value>().await.expect("JSON")
    };
    assert_eq!(listed("parked").await["transactions"], json!([]));
    assert!(listed("urgent").await["message"].as_str().is_some_and(|text| text.contains("parked, overdue")));
    coordinator.wait_status(&gid, "succeed").await;
    coordinator.stop().await;
}
