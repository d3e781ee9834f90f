//! Durable before acknowledged: the number of commits, and the rows after a restart.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::Router;
use axum::extract::State;
use branchwire_coordinator::Coordinator;
use branchwire_tests::database::TestDatabase;
use serde_json::{Map, Value, json};
use sqlx::Connection;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use super::{Running, gid, message};
use crate::conformance::host::Host;

/// A branch that asks for the number of commits at each call.
#[derive(Clone)]
struct Counting {
    metrics: Arc<std::sync::OnceLock<String>>,
    seen: Arc<AtomicU64>,
}

async fn count(State(counting): State<Counting>) -> &'static str {
    let url = counting.metrics.get().expect("it is set before the first call").clone();
    let text = reqwest::get(url).await.expect("an answer").text().await.expect("text");
    let commits =
        text.lines().find_map(|line| line.strip_prefix("branchwire_store_commits_total ")).expect("the count");
    counting.seen.store(commits.parse().expect("a number"), Ordering::SeqCst);
    r#"{"dtm_result":"SUCCESS"}"#
}

#[tokio::test]
async fn a_message_takes_two_commits_before_its_branches_are_called_and_one_after() {
    let mut databases = vec![TestDatabase::sqlite()];
    databases.extend(TestDatabase::postgres().await);
    databases.extend(TestDatabase::mysql().await);
    for database in databases {
        let counting = Counting { metrics: Arc::default(), seen: Arc::default() };
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let action = format!("http://{}/in", listener.local_addr().expect("its address"));
        let router = Router::new().fallback(count).with_state(counting.clone());
        tokio::spawn(axum::serve(listener, router).into_future());
        let coordinator = Running::on(database.url()).await;
        counting.metrics.set(format!("{}/api/metrics", coordinator.url)).expect("set once");

        let gid = gid();
        let message = message(&gid, &[action]);
        coordinator.done("prepare", &message).await;
        assert_eq!(coordinator.metric("branchwire_store_commits_total").await, 1);
        coordinator.done("submit", &message).await;
        coordinator.wait_status(&gid, "succeed").await;
        assert_eq!(counting.seen.load(Ordering::SeqCst), 2, "as the branch was called");
        assert_eq!(coordinator.metric("branchwire_store_commits_total").await, 3);
        coordinator.stop().await;
    }
}

/// A saga with a stage for each of these numbers: the number of its steps.
fn saga(gid: &str, stages: &[usize], action: &str) -> Value {
    let steps: usize = stages.iter().sum();
    let mut orders = Map::new();
    let mut first = 0;
    for (stage, next) in stages.iter().zip(stages.iter().skip(1)) {
        let before: Vec<_> = (first..first + stage).collect();
        first += stage;
        orders.extend((first..first + next).map(|step| (step.to_string(), json!(before))));
    }
    json!({
        "gid": gid,
        "trans_type": "saga",
        "steps": vec![json!({ "action": action, "compensate": action }); steps],
        "payloads": vec!["{}"; steps],
        "custom_data": json!({ "concurrent": true, "orders": orders }).to_string(),
    })
}

/// The submit, and one for each stage: its end is durable before the next stage begins, or is the end of the saga. A
/// TCC has one for each branch, whose registration is durable before its try, and three more: prepare, submit, end.
#[tokio::test]
async fn a_saga_takes_one_commit_and_one_for_each_stage() {
    let mut databases = vec![TestDatabase::sqlite()];
    databases.extend(TestDatabase::postgres().await);
    databases.extend(TestDatabase::mysql().await);
    let host = Host::start().await;
    for database in databases {
        let coordinator = Running::on(database.url()).await;
        let mut commits = 0;
        for stages in [&[1][..], &[1, 1], &[1, 1, 1], &[3, 1], &[2, 3, 2]] {
            let gid = gid();
            host.script(&gid, BTreeMap::new());
            coordinator.done("submit", &saga(&gid, stages, &format!("{}/{gid}/in", host.url))).await;
            coordinator.wait_status(&gid, "succeed").await;
            commits += 1 + u64::try_from(stages.len()).expect("few");
            assert_eq!(coordinator.metric("branchwire_store_commits_total").await, commits, "{stages:?}");
        }
        let gid = gid();
        host.script(&gid, BTreeMap::new());
        let tcc = json!({ "gid": gid, "trans_type": "tcc" });
        coordinator.done("prepare", &tcc).await;
        for id in ["01", "02", "03"] {
            let url = format!("{}/{gid}/{id}", host.url);
            let branch = json!({ "gid": gid, "trans_type": "tcc", "branch_id": id, "confirm": url, "cancel": url });
            coordinator.done("registerBranch", &branch).await;
        }
        coordinator.done("submit", &tcc).await;
        coordinator.wait_status(&gid, "succeed").await;
        assert_eq!(coordinator.metric("branchwire_store_commits_total").await, commits + 6);
        coordinator.stop().await;
    }
}

#[tokio::test]
async fn acknowledged_messages_go_on_after_a_restart() {
    let mut databases = vec![TestDatabase::sqlite()];
    databases.extend(TestDatabase::postgres().await);
    databases.extend(TestDatabase::mysql().await);
    let host = Host::start().await;
    for database in databases {
        let coordinator = Running::on(database.url()).await;
        let gid = gid();
        let down = BTreeMap::from([("/in".to_owned(), vec![json!([500, "down"]), json!([200, "up"])])]);
        host.script(&gid, down);
        let message = message(&gid, &[format!("{}/{gid}/in", host.url), format!("{}/{gid}/in2", host.url)]);
        coordinator.done("submit", &message).await;
        coordinator.wait(&gid, |seen| seen["transaction"]["owner"] == "").await;
        coordinator.stop().await;

        let coordinator = Running::on(database.url()).await;
        coordinator.wait_status(&gid, "succeed").await;
        let paths: Vec<_> = host.calls(&gid).into_iter().map(|call| call.path).collect();
        assert_eq!(paths, ["/in", "/in", "/in2"]);
        coordinator.stop().await;
    }
}

#[tokio::test]
async fn a_stop_waits_for_the_call_under_way_and_the_next_start_goes_on_behind_it() {
    let database = TestDatabase::sqlite();
    let (called, call) = oneshot::channel();
    let (answer, answered) = oneshot::channel::<()>();
    let once = Arc::new(tokio::sync::Mutex::new(Some((called, answered))));
    let branch = move || {
        let once = once.clone();
        async move {
            if let Some((called, answered)) = once.lock().await.take() {
                called.send(()).expect("somebody waits");
                answered.await.expect("an answer");
            }
        }
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let action = format!("http://{}/in", listener.local_addr().expect("its address"));
    tokio::spawn(axum::serve(listener, Router::new().fallback(branch)).into_future());

    let coordinator = Running::on(database.url()).await;
    let gid = gid();
    coordinator.done("submit", &message(&gid, &[action.clone(), action])).await;
    call.await.expect("the first branch is called");
    let stopping = tokio::spawn(coordinator.stop());
    answer.send(()).expect("the branch waits");
    stopping.await.expect("an orderly stop");

    let coordinator = Running::on(database.url()).await;
    let seen = coordinator.wait_status(&gid, "succeed").await;
    assert!(seen["branches"][0]["finish_time"].is_string());
    coordinator.stop().await;
}

#[tokio::test]
async fn a_corrupt_row_is_parked_and_shown_and_comes_back_on_request() {
    let database = TestDatabase::sqlite();
    let gid = gid();
    let coordinator = Running::on(database.url()).await;
    coordinator.done("prepare", &message(&gid, &[])).await;
    coordinator.stop().await;
    let mut connection = sqlx::SqliteConnection::connect(database.url()).await.expect("a connection");
    let update = |sql: &'static str| sqlx::query(sql);
    update("UPDATE trans_global SET options = '{', next_cron_time = 0").execute(&mut connection).await.expect("a row");

    let coordinator = Running::on(database.url()).await;
    let parked = coordinator.wait(&gid, |seen| seen["transaction"]["result"].is_string()).await;
    assert!(parked["transaction"]["result"].as_str().is_some_and(|text| text.contains("options")), "{parked}");
    assert_eq!(coordinator.post("submit", &message(&gid, &[])).await.status(), 500);
    update("UPDATE trans_global SET options = ''").execute(&mut connection).await.expect("a row");
    coordinator.done("submit", &message(&gid, &[])).await;
    coordinator.wait_status(&gid, "succeed").await;
    coordinator.stop().await;
}

#[tokio::test]
async fn a_second_coordinator_on_one_file_is_kept_out() {
    let database = TestDatabase::sqlite();
    let coordinator = Running::on(database.url()).await;
    let second = Coordinator::builder().store(database.url()).start().await.err().expect("it is refused");
    assert!(second.to_string().contains("another coordinator has it open"), "{second}");
    coordinator.stop().await;
}
