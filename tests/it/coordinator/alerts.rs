//! Alerts to an operator's server, with a clock that the test moves.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use axum::http::StatusCode;
use axum::routing::post;
use branchwire_coordinator::{Builder, Clock, Coordinator};
use branchwire_tests::database::TestDatabase;
use serde_json::{Value, json};
use sqlx::Connection as _;
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use super::{Running, gid, message};

/// Longer than any wait for the next call.
const LATER: Duration = Duration::from_hours(10);

async fn serve(router: Router) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(axum::serve(listener, router).into_future());
    url
}

/// A server that is told of alerts, and what it was told.
async fn receiver() -> (String, mpsc::UnboundedReceiver<Value>) {
    let (sender, alerts) = mpsc::unbounded_channel();
    let receive = async move |body: String| drop(sender.send(serde_json::from_str::<Value>(&body).expect("JSON")));
    (format!("{}/hook", serve(Router::new().route("/hook", post(receive))).await), alerts)
}

/// A branch that is broken until it is repaired.
async fn branch() -> (String, Arc<AtomicBool>) {
    let works = Arc::new(AtomicBool::new(false));
    let repaired = works.clone();
    let call = async move || {
        if repaired.load(Ordering::SeqCst) { (StatusCode::OK, "") } else { (StatusCode::BAD_GATEWAY, "no \"stock\"") }
    };
    let refused = works.clone();
    let refuse = async move || {
        if refused.load(Ordering::SeqCst) { (StatusCode::OK, "") } else { (StatusCode::CONFLICT, "no such account") }
    };
    let router = Router::new().route("/take", post(call)).route("/refuses", post(refuse));
    (serve(router.route("/good", post(async || ""))).await, works)
}

fn builder(database: &TestDatabase, clock: &Clock, alerts: &str) -> Builder {
    let builder = Coordinator::builder().store(database.url()).with_clock(clock.clone());
    builder.cron_interval(Duration::from_millis(5)).alert_url(alerts.parse().unwrap())
}

/// Moves the clock until the branch has been called this many times.
async fn call(coordinator: &Running, clock: &Clock, gid: &str, calls: u64) {
    for calls in 1..=calls {
        if calls > 1 {
            clock.advance(LATER);
        }
        let called = |seen: &Value| {
            let transaction = &seen["transaction"];
            transaction["owner"] == "" && transaction["facts"]["branches"][0]["attempts"].as_u64() >= Some(calls)
        };
        coordinator.wait(gid, called).await;
    }
}

#[tokio::test]
async fn a_transaction_without_progress_has_few_alerts_and_one_when_it_is_over() {
    let ((receiver, mut alerts), (host, works)) = (receiver().await, branch().await);
    let (database, clock) = (TestDatabase::sqlite(), Clock::manual(Clock::System.now()));
    let coordinator = Running::start(builder(&database, &clock, &receiver)).await;

    let good = gid();
    coordinator.done("submit", &message(&good, &[format!("{host}/good")])).await;
    coordinator.wait_status(&good, "succeed").await;
    let gid = gid();
    coordinator.done("submit", &message(&gid, &[format!("{host}/take")])).await;
    call(&coordinator, &clock, &gid, 7).await;
    works.store(true, Ordering::SeqCst);
    clock.advance(LATER);
    coordinator.wait_status(&gid, "succeed").await;

    for calls in [3, 6] {
        let alert = json!({
            "gid": gid, "status": "submitted", "retry_count": calls, "branch": "01",
            "error": "`unknown`, status 502: no \"stock\"",
            "trans_type": "msg", "op": "action", "reason": "no_progress",
        });
        assert_eq!(alerts.recv().await, Some(alert));
    }
    let over = alerts.recv().await.expect("the end");
    assert_eq!((&over["gid"], &over["status"], &over["reason"]), (&json!(gid), &json!("succeed"), &json!("over")));
    coordinator.stop().await;
    assert!(alerts.try_recv().is_err(), "and none about the message without trouble");
}

#[tokio::test]
async fn a_server_that_never_answers_holds_no_transaction_up() {
    // It accepts connections, and never responds.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let (host, works) = branch().await;
    let (database, clock) = (TestDatabase::sqlite(), Clock::manual(Clock::System.now()));
    let alerts = format!("http://{}/hook", silent.local_addr().unwrap());
    let coordinator = Running::start(builder(&database, &clock, &alerts)).await;
    let gid = gid();
    coordinator.done("submit", &message(&gid, &[format!("{host}/take")])).await;
    call(&coordinator, &clock, &gid, 3).await;
    works.store(true, Ordering::SeqCst);
    clock.advance(LATER);
    coordinator.wait_status(&gid, "succeed").await;
}

#[tokio::test]
async fn a_branch_that_refuses_and_must_succeed_has_an_alert_at_once() {
    let ((receiver, mut alerts), (host, works)) = (receiver().await, branch().await);
    let (database, clock) = (TestDatabase::sqlite(), Clock::manual(Clock::System.now()));
    let coordinator = Running::start(builder(&database, &clock, &receiver)).await;
    let gid = gid();
    coordinator.done("submit", &message(&gid, &[format!("{host}/refuses")])).await;
    call(&coordinator, &clock, &gid, 2).await;
    works.store(true, Ordering::SeqCst);
    clock.advance(LATER);
    coordinator.wait_status(&gid, "succeed").await;
    let alert = json!({
        "gid": gid, "status": "submitted", "retry_count": 1, "branch": "01", "error": "`failure`, status 409: no such account",
        "trans_type": "msg", "op": "action", "reason": "diverges",
    });
    assert_eq!(alerts.recv().await, Some(alert), "and none at the second refusal");
    assert_eq!(alerts.recv().await.expect("the end")["reason"], "over");
    assert_eq!(coordinator.metric("branchwire_alarms_total{reason=\"diverges\"}").await, 1);

    // A saga's action may refuse: nothing diverges.
    let (saga, url) = (super::gid(), |path: &str| format!("{host}/{path}"));
    works.store(false, Ordering::SeqCst);
    let steps = json!([{ "action": url("refuses"), "compensate": url("good") }]);
    coordinator.done("submit", &json!({ "gid": saga, "trans_type": "saga", "payloads": ["{}"], "steps": steps })).await;
    coordinator.wait_status(&saga, "failed").await;
    coordinator.stop().await;
    assert!(alerts.try_recv().is_err());
}

#[tokio::test]
async fn a_transaction_that_is_put_aside_has_an_alert_and_one_when_it_is_over() {
    let ((receiver, mut alerts), (host, works)) = (receiver().await, branch().await);
    let (database, clock) = (TestDatabase::sqlite(), Clock::manual(Clock::System.now()));
    let coordinator = Running::start(builder(&database, &clock, &receiver)).await;
    let gid = gid();
    coordinator.done("submit", &message(&gid, &[format!("{host}/take")])).await;
    call(&coordinator, &clock, &gid, 1).await;

    let mut rows = sqlx::SqliteConnection::connect(database.url()).await.expect("a connection");
    sqlx::query("UPDATE trans_global SET options = '{'").execute(&mut rows).await.expect("it is broken");
    clock.advance(LATER);
    let alert = alerts.recv().await.expect("an alert");
    assert_eq!((&alert["gid"], &alert["reason"]), (&json!(gid), &json!("parked")));
    assert_eq!((&alert["status"], &alert["trans_type"]), (&json!("submitted"), &json!("msg")));
    assert!(alert["error"].as_str().is_some_and(|error| error.contains("column options")), "{alert}");
    let parked = |seen: &Value| seen["transaction"]["facts"]["waits"]["why"] == "parked";
    coordinator.wait(&gid, parked).await;

    sqlx::query("UPDATE trans_global SET options = '{}'").execute(&mut rows).await.expect("it is mended");
    works.store(true, Ordering::SeqCst);
    coordinator.done("resetNextCronTime", &json!({ "gid": gid })).await;
    coordinator.wait_status(&gid, "succeed").await;
    let over = alerts.recv().await.expect("the end");
    assert_eq!((&over["gid"], &over["reason"]), (&json!(gid), &json!("over")));
    coordinator.stop().await;
    assert!(alerts.try_recv().is_err());
}

#[tokio::test]
async fn a_message_without_submit_that_nobody_can_be_asked_about_has_few_alerts_and_one_when_it_is_over() {
    let ((receiver, mut alerts), (host, works)) = (receiver().await, branch().await);
    let (database, clock) = (TestDatabase::sqlite(), Clock::manual(Clock::System.now()));
    let coordinator = Running::start(builder(&database, &clock, &receiver)).await;
    let prepare = |gid: &str, step: &str| {
        let mut message = message(gid, &[format!("{host}/{step}")]);
        message["query_prepared"] = "".into();
        message
    };
    // Each time that it is due it waits twice as long as before; the first interval is one second.
    let due = async |gid: &str, rounds: std::ops::RangeInclusive<u32>| {
        for round in rounds {
            clock.advance(LATER);
            coordinator.wait(gid, |seen| seen["transaction"]["next_cron_interval"] == 1 << round).await;
        }
    };

    let (soon, late, rolled_back) = (gid(), gid(), gid());
    coordinator.done("prepare", &prepare(&soon, "good")).await;
    due(&soon, 1..=2).await;
    coordinator.done("submit", &prepare(&soon, "good")).await;
    coordinator.wait_status(&soon, "succeed").await;

    let expect = |gid: &str, rounds: u32| {
        json!({
            "gid": gid, "status": "prepared", "retry_count": rounds, "branch": "",
            "error": "it was not submitted, and has no query-prepared address to ask",
            "trans_type": "msg", "op": "", "reason": "no_progress",
        })
    };
    coordinator.done("prepare", &prepare(&late, "take")).await;
    due(&late, 1..=7).await;
    for rounds in [3, 6] {
        assert_eq!(alerts.recv().await, Some(expect(&late, rounds)), "and none about the one that was submitted soon");
    }
    coordinator.done("prepare", &prepare(&rolled_back, "good")).await;
    due(&rolled_back, 1..=3).await;
    assert_eq!(alerts.recv().await, Some(expect(&rolled_back, 3)));
    assert_eq!(coordinator.metric("branchwire_alarms_total{reason=\"no_progress\"}").await, 3);
    coordinator.stop().await;

    // The next process knows from the rows that there were alerts.
    let coordinator = Running::start(builder(&database, &clock, &receiver)).await;
    coordinator.done("abort", &json!({ "gid": rolled_back, "trans_type": "msg" })).await;
    works.store(true, Ordering::SeqCst);
    coordinator.done("submit", &prepare(&late, "take")).await;
    for (gid, status) in [(&rolled_back, "failed"), (&late, "succeed")] {
        let over = alerts.recv().await.expect("the end");
        assert_eq!((&over["gid"], &over["status"], &over["reason"]), (&json!(gid), &json!(status), &json!("over")));
    }
    coordinator.stop().await;
    assert!(alerts.try_recv().is_err());
}

#[tokio::test]
async fn an_alert_that_waits_when_the_coordinator_stops_is_sent() {
    // The first time it is refused; then the sender waits for a second.
    let (sender, mut alerts) = mpsc::unbounded_channel();
    let receive = async move |body: String| {
        drop(sender.send(body));
        StatusCode::SERVICE_UNAVAILABLE
    };
    let receiver = serve(Router::new().route("/hook", post(receive))).await;
    let (host, _) = branch().await;
    let (database, clock) = (TestDatabase::sqlite(), Clock::manual(Clock::System.now()));
    let coordinator = Running::start(builder(&database, &clock, &format!("{receiver}/hook"))).await;
    let (one, two) = (gid(), gid());
    for gid in [&one, &two] {
        coordinator.done("submit", &message(gid, &[format!("{host}/refuses")])).await;
        call(&coordinator, &clock, gid, 1).await;
    }
    let first = alerts.recv().await.expect("the first attempt");
    assert!(first.contains(&one), "{first}");
    coordinator.stop().await;
    let mut rest = Vec::new();
    while let Ok(alert) = alerts.try_recv() {
        rest.push(alert);
    }
    // A slow machine may have tried the first one again before the stop.
    assert!(rest.iter().any(|alert| alert.contains(&one)) && rest.iter().any(|alert| alert.contains(&two)), "{rest:?}");
}
