//! Several coordinators on one database, side by side.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::{Query, State};
use branchwire_coordinator::Coordinator;
use branchwire_tests::database::TestDatabase;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::sync::Semaphore;

use super::{Running, gid, message};

/// How many messages are sent through all of them.
const MESSAGES: usize = 150;

/// How often each (gid, branch) was called.
type Calls = Arc<Mutex<HashMap<(String, String), usize>>>;

/// Counts its calls, and is slow, so that many calls are in flight when a coordinator dies.
async fn branch(State(calls): State<Calls>, Query(query): Query<BTreeMap<String, String>>) {
    *calls.lock().expect("no panic").entry((query["gid"].clone(), query["branch_id"].clone())).or_default() += 1;
    tokio::time::sleep(Duration::from_millis(100)).await;
}

/// Counts its calls once the gate is open.
async fn behind_the_gate(State((calls, gate)): State<(Calls, Arc<Semaphore>)>, query: Query<BTreeMap<String, String>>) {
    drop(gate.acquire().await.expect("it is never closed"));
    branch(State(calls), query).await;
}

async fn one_of_three_dies(database: TestDatabase) {
    let calls = Calls::default();
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let host = format!("http://{}", listener.local_addr().expect("its address"));
    tokio::spawn(axum::serve(listener, Router::new().fallback(branch).with_state(calls.clone())).into_future());
    let actions = [format!("{host}/in"), format!("{host}/in2")];

    let store = database.url().to_owned();
    let builder = move || {
        // Short leases, so that those of the dead coordinator end soon.
        let builder = Coordinator::builder().store(store.clone()).request_timeout(Duration::from_millis(500));
        builder.retry_interval(Duration::from_secs(1)).cron_interval(Duration::from_millis(200))
    };
    // The coordinator that dies has a runtime of its own, which ends at once with all its tasks and connections.
    let dying = Runtime::new().expect("a runtime");
    let victim = dying.spawn(Running::start(builder())).await.expect("it starts");
    let others = [Running::start(builder()).await, Running::start(builder()).await];

    let gids: Vec<_> = (0..MESSAGES).map(|_| gid()).collect();
    for (number, gid) in gids.iter().enumerate() {
        let through = [&victim, &others[0], &others[1]][number % 3];
        through.done("prepare", &message(gid, &actions)).await;
        through.done("submit", &message(gid, &actions)).await;
    }
    dying.shutdown_background();

    for gid in &gids {
        others[0].wait_status(gid, "succeed").await;
    }
    let calls = calls.lock().expect("no panic").clone();
    for gid in &gids {
        for branch in ["01", "02"] {
            assert!(calls.contains_key(&(gid.clone(), branch.to_owned())), "{gid} {branch} was called");
        }
    }
    let again = calls.values().filter(|count| **count > 1).count();
    assert!(again < MESSAGES, "only what the dead one had under way is called again, not {again}");
    for other in others {
        other.stop().await;
    }
}

/// A saga is not prepared, so a coordinator does not look for it before it creates it.
async fn a_saga_submitted_at_two_runs_once(database: TestDatabase) {
    let (calls, gate) = (Calls::default(), Arc::new(Semaphore::new(0)));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let host = format!("http://{}", listener.local_addr().expect("its address"));
    let router = Router::new().fallback(behind_the_gate).with_state((calls.clone(), gate.clone()));
    tokio::spawn(axum::serve(listener, router).into_future());
    let builder = || Coordinator::builder().store(database.url().to_owned());
    let (one, other) = (Running::start(builder()).await, Running::start(builder()).await);

    let gid = gid();
    let step = json!({ "action": host, "compensate": host });
    let saga = json!({ "gid": gid, "trans_type": "saga", "steps": [step, step], "payloads": ["{}", "{}"] });
    tokio::join!(one.done("submit", &saga), other.done("submit", &saga));
    gate.add_permits(1);
    one.wait_status(&gid, "succeed").await;
    let calls = calls.lock().expect("no panic").clone();
    let expected = ["01", "02"].map(|branch| ((gid.clone(), branch.to_owned()), 1));
    assert_eq!(calls, HashMap::from(expected), "each action once, and no compensation");
    one.stop().await;
    other.stop().await;
}

#[tokio::test]
async fn a_saga_submitted_at_two_on_postgres_runs_once() {
    if let Some(database) = TestDatabase::postgres().await {
        a_saga_submitted_at_two_runs_once(database).await;
    }
}

#[tokio::test]
async fn a_saga_submitted_at_two_on_mysql_runs_once() {
    if let Some(database) = TestDatabase::mysql().await {
        a_saga_submitted_at_two_runs_once(database).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_of_three_on_postgres_dies_and_nothing_is_lost() {
    if let Some(database) = TestDatabase::postgres().await {
        one_of_three_dies(database).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_of_three_on_mysql_dies_and_nothing_is_lost() {
    if let Some(database) = TestDatabase::mysql().await {
        one_of_three_dies(database).await;
    }
}
