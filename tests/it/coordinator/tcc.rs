//! A TCC at the coordinator: what clients of several coordinators see, and what happens to one that nobody submits.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::{Query, State};
use axum::routing::post;
use branchwire::protocol::{Gid, Status, TccRegistration, Transaction, TransactionOptions, client};
use branchwire::tcc::TccDone;
use branchwire_coordinator::testing::{Services, TestCoordinator};
use branchwire_tests::database::TestDatabase;
use serde_json::{Value, json};

use super::{Running, gid};
use crate::conformance::host::Host;

fn tcc(gid: &str) -> Value {
    json!({ "gid": gid, "trans_type": "tcc", "retry_interval": 1 })
}

fn branch(gid: &str, host: &str, id: &str) -> Value {
    let url = |op: &str| format!("{host}/{gid}/{op}{id}");
    let (confirm, cancel) = (url("confirm"), url("cancel"));
    json!({ "gid": gid, "trans_type": "tcc", "branch_id": id, "data": "{}", "confirm": confirm, "cancel": cancel })
}

async fn refused(coordinator: &Running, route: &str, body: &Value) {
    let answer = coordinator.post(route, body).await;
    assert_eq!(answer.status(), 409, "{route}: {}", answer.text().await.unwrap_or_default());
}

/// Each coordinator has some of the branches in its memory. The one that ends the registration knows the others'
/// branches, too.
async fn all_branches_are_confirmed_or_cancelled_whoever_registered_them(database: TestDatabase) {
    let (one, other) = (Running::on(database.url()).await, Running::on(database.url()).await);
    let host = Host::start().await;
    for (decision, op, end) in [("submit", "confirm", "succeed"), ("abort", "cancel", "failed")] {
        let gid = gid();
        host.script(&gid, BTreeMap::new());
        one.done("prepare", &tcc(&gid)).await;
        one.done("registerBranch", &branch(&gid, &host.url, "01")).await;
        other.done("registerBranch", &branch(&gid, &host.url, "02")).await;
        other.done("registerBranch", &branch(&gid, &host.url, "01")).await;
        let mut differs = branch(&gid, &host.url, "02");
        differs["data"] = Value::from("1");
        refused(&one, "registerBranch", &differs).await;
        let mut decided = tcc(&gid);
        decided["wait_result"] = true.into();
        one.done(decision, &decided).await;
        let mut paths: Vec<_> = host.calls(&gid).into_iter().map(|call| call.path).collect();
        paths.sort();
        assert_eq!(paths, [format!("/{op}01"), format!("/{op}02")], "{decision} waited for both");
        one.wait_status(&gid, end).await;
        for coordinator in [&one, &other] {
            refused(coordinator, "registerBranch", &branch(&gid, &host.url, "01")).await;
            refused(coordinator, "registerBranch", &branch(&gid, &host.url, "03")).await;
        }
    }
    one.stop().await;
    other.stop().await;
}

#[tokio::test]
async fn on_postgres_all_branches_are_confirmed_or_cancelled() {
    if let Some(database) = TestDatabase::postgres().await {
        all_branches_are_confirmed_or_cancelled_whoever_registered_them(database).await;
    }
}

#[tokio::test]
async fn on_mysql_all_branches_are_confirmed_or_cancelled() {
    if let Some(database) = TestDatabase::mysql().await {
        all_branches_are_confirmed_or_cancelled_whoever_registered_them(database).await;
    }
}

/// Two coordinators write a branch that is new to both, with different data.
async fn one_of_two_branches_under_one_id_is_registered(database: TestDatabase) {
    let (one, other) = (Running::on(database.url()).await, Running::on(database.url()).await);
    for _ in 0..20 {
        let gid = gid();
        one.done("prepare", &tcc(&gid)).await;
        // Both have it in memory.
        one.done("registerBranch", &branch(&gid, "http://127.0.0.1:1", "01")).await;
        other.done("registerBranch", &branch(&gid, "http://127.0.0.1:1", "01")).await;
        let bodies = ["http://127.0.0.1:1/a", "http://127.0.0.1:1/b"].map(|url| branch(&gid, url, "02"));
        let told = tokio::join!(one.post("registerBranch", &bodies[0]), other.post("registerBranch", &bodies[1]));
        let told = [told.0.status().as_u16(), told.1.status().as_u16()];
        assert!(told == [200, 409] || told == [409, 200], "{told:?}");
        let winner = &bodies[usize::from(told[0] == 409)];
        let seen = one.query(&gid).await;
        let recorded: Vec<_> = seen["branches"].as_array().expect("branches").iter().map(|row| &row["url"]).collect();
        assert_eq!(recorded[2..], [&winner["cancel"], &winner["confirm"]]);
        // Equal ones at the same time are both accepted.
        let same = branch(&gid, "http://127.0.0.1:1", "03");
        tokio::join!(one.done("registerBranch", &same), other.done("registerBranch", &same));
    }
    one.stop().await;
    other.stop().await;
}

#[tokio::test]
async fn on_postgres_one_of_two_branches_under_one_id_is_registered() {
    if let Some(database) = TestDatabase::postgres().await {
        one_of_two_branches_under_one_id_is_registered(database).await;
    }
}

#[tokio::test]
async fn on_mysql_one_of_two_branches_under_one_id_is_registered() {
    if let Some(database) = TestDatabase::mysql().await {
        one_of_two_branches_under_one_id_is_registered(database).await;
    }
}

#[tokio::test]
async fn data_that_could_not_be_the_parameters_of_a_branch_called_by_json_rpc_is_refused() {
    let database = TestDatabase::sqlite();
    let coordinator = Running::on(database.url()).await;
    let gid = gid();
    let mut begun = tcc(&gid);
    begun["protocol"] = "json-rpc".into();
    coordinator.done("prepare", &begun).await;
    let with = |data: &str| {
        let mut branch = branch(&gid, "http://127.0.0.1:1/?method=", "01");
        branch["data"] = data.into();
        branch
    };
    for data in ["1", "[1]", "null", "{"] {
        let refused = coordinator.post("registerBranch", &with(data)).await;
        assert_eq!(refused.status(), 409);
        let text = refused.text().await.expect("a text");
        assert!(text.contains("its data is no JSON object"), "{text}");
    }
    assert_eq!(coordinator.query(&gid).await["branches"], json!([]));
    coordinator.done("registerBranch", &with("{}")).await;
    coordinator.stop().await;
}

/// A confirm hangs, and an administrator ends the TCC: nothing is known to be cancelled.
#[tokio::test]
async fn a_tcc_that_is_stopped_while_it_confirms_is_told_as_stopped() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("its address"));
    let service = Router::new().route("/try", post(async || "")).route("/confirm", post(std::future::pending::<()>));
    tokio::spawn(axum::serve(listener, service).into_future());
    let database = TestDatabase::sqlite();
    let coordinator = Running::on(database.url()).await;
    let gid = Gid::random();
    let client = branchwire::Client::new(&coordinator.url).expect("an address");
    let branch = || {
        let url = |path: &str| format!("{url}/{path}");
        branchwire::TccBranch::url(&url("try"), &url("confirm"), &url("cancel"), &1).expect("addresses")
    };
    let tcc = client.tcc().gid(gid.clone()).request_timeout(Duration::from_secs(1));
    let held = tcc.run(async |tcc| tcc.call(branch()).await);
    let stop = async {
        coordinator.wait_status(gid.as_str(), "submitted").await;
        coordinator.done("forceStop", &json!({ "gid": gid })).await;
    };
    let (told, ()) = tokio::join!(held, stop);
    let Ok(TccDone::Stopped { value: Some(()), .. }) = told else { panic!("{told:?}") };
    coordinator.stop().await;
}

/// The ops with which a service was called.
type Calls = Arc<Mutex<Vec<String>>>;

async fn service(State(calls): State<Calls>, Query(query): Query<BTreeMap<String, String>>) {
    calls.lock().expect("no panic").push(format!("{} {}", query["op"], query["branch_id"]));
}

/// A TCC with one branch that is registered, at a coordinator whose clock is the test's.
async fn registered(options: TransactionOptions) -> (TestCoordinator, Transaction, Calls, Services) {
    let (services, calls) = (Services::default(), Calls::default());
    services.host("http://hotel", Router::new().fallback(service).with_state(calls.clone()));
    let coordinator = TestCoordinator::start(services.clone()).await;
    let client: client::Client = coordinator.client();
    let (gid, trans_type) = (Gid::random().to_string(), "tcc".to_owned());
    let transaction =
        Transaction { gid: gid.clone(), trans_type: trans_type.clone(), options, ..Transaction::default() };
    client.prepare(&transaction).await.expect("prepared");
    let branch = TccRegistration {
        gid,
        trans_type,
        branch_id: "01".to_owned(),
        data: "{}".to_owned(),
        confirm: "http://hotel/book".to_owned(),
        cancel: "http://hotel/release".to_owned(),
    };
    client.register_branch(&branch).await.expect("registered");
    client.register_branch(&branch).await.expect("registered, as before");
    (coordinator, transaction, calls, services)
}

#[tokio::test]
async fn a_tcc_that_nobody_submits_is_cancelled_after_35_seconds() {
    let (coordinator, transaction, calls, _) = registered(TransactionOptions::default()).await;
    let gid = Gid::new(transaction.gid.as_str()).expect("a gid");
    coordinator.advance(Duration::from_secs(34));
    coordinator.ask_now(&gid).await;
    assert_eq!(coordinator.status(&gid).await, Some(Status::Prepared));
    coordinator.advance(Duration::from_secs(1));
    assert_eq!(coordinator.wait(&gid).await, Status::Failed);
    let client: client::Client = coordinator.client();
    let refused = client.submit(&transaction).await.expect_err("it is cancelled");
    assert!(matches!(refused, client::ClientError::Refused { .. }), "{refused}");
    let ended = client.query(&gid).await.expect("an answer").transaction.expect("a record");
    assert_eq!(ended.rollback_reason, "Timeout after 35 seconds");
    assert_eq!(*calls.lock().expect("no panic"), ["cancel 01"]);
    coordinator.stop().await;
}

#[tokio::test]
async fn a_submitted_tcc_is_confirmed_whatever_the_clock_says() {
    let (mut coordinator, transaction, calls, services) = registered(TransactionOptions::default()).await;
    let gid = Gid::new(transaction.gid.as_str()).expect("a gid");
    services.down("http://hotel", true);
    let client: client::Client = coordinator.client();
    client.submit(&transaction).await.expect("submitted");
    for _ in 0..3 {
        coordinator.advance(Duration::from_hours(1));
        coordinator.ask_now(&gid).await;
        coordinator.restart().await;
    }
    assert_eq!(coordinator.status(&gid).await, Some(Status::Submitted));
    services.down("http://hotel", false);
    client.submit(&transaction).await.expect("a repeat is acknowledged");
    coordinator.ask_now(&gid).await;
    assert_eq!(coordinator.wait(&gid).await, Status::Succeed);
    assert_eq!(*calls.lock().expect("no panic"), ["confirm 01"]);
    coordinator.stop().await;
}

#[tokio::test]
async fn an_abort_with_wait_result_says_whether_all_is_cancelled() {
    let options = TransactionOptions { wait_result: true, ..TransactionOptions::default() };
    let (coordinator, transaction, calls, services) = registered(options).await;
    let gid = Gid::new(transaction.gid.as_str()).expect("a gid");
    services.down("http://hotel", true);
    let client: client::Client = coordinator.client();
    let open = client.abort(&transaction).await.expect_err("the hotel is down");
    assert!(matches!(open, client::ClientError::Ongoing), "{open}");
    services.down("http://hotel", false);
    coordinator.ask_now(&gid).await;
    assert_eq!(coordinator.wait(&gid).await, Status::Failed);
    assert_eq!(*calls.lock().expect("no panic"), ["cancel 01"]);
    coordinator.stop().await;

    let (coordinator, transaction, _, _) = registered(transaction.options).await;
    coordinator.client::<client::Client>().abort(&transaction).await.expect("all is cancelled");
    coordinator.stop().await;
}
