//! F7: one path of a host hangs, and the other paths of that host got no turn.

use std::future::pending;
use std::time::Duration;

use axum::Router;
use axum::routing::post;
use branchwire_coordinator::Coordinator;
use branchwire_coordinator::transport::CallLimits;
use branchwire_tests::database::TestDatabase;
use futures_util::{StreamExt, stream};
use tokio::net::TcpListener;

use crate::coordinator::{Running, gid, message};

/// Messages to the hanging path: more than may be in flight or wait.
const HANGING: usize = 100;

const LIMITS: CallLimits = CallLimits { in_all: 64, per_host: 8 };

/// As above, and each address has the number of an order.
#[tokio::test]
async fn f07_a_hanging_route_with_a_number_in_its_path_delays_no_other_route() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let host = format!("http://{}", listener.local_addr().expect("its address"));
    let slow = post(async || pending::<()>().await);
    let router = Router::new().route("/orders/{number}", slow).route("/ok", post(async || "{}"));
    tokio::spawn(axum::serve(listener, router).into_future());

    let database = TestDatabase::sqlite();
    let builder = Coordinator::builder().store(database.url()).call_limits(LIMITS);
    let coordinator = Running::start(builder.request_timeout(Duration::from_hours(1))).await;
    let submits = (0..HANGING).map(async |number| {
        coordinator.done("submit", &message(&gid(), &[format!("{host}/orders/{number}")])).await;
    });
    stream::iter(submits).buffer_unordered(16).collect::<()>().await;
    let other = gid();
    coordinator.done("submit", &message(&other, &[format!("{host}/ok")])).await;
    coordinator.wait_status(&other, "succeed").await;
}

#[tokio::test]
async fn a_hanging_path_delays_neither_another_path_nor_the_intervals() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let host = format!("http://{}", listener.local_addr().expect("its address"));
    let slow = post(async || pending::<()>().await);
    let router = Router::new().route("/slow", slow).route("/ok", post(async || "{}"));
    tokio::spawn(axum::serve(listener, router).into_future());

    let database = TestDatabase::sqlite();
    // A call to the hanging path never ends while this test runs.
    let builder = Coordinator::builder().store(database.url()).call_limits(LIMITS);
    let coordinator = Running::start(builder.request_timeout(Duration::from_hours(1))).await;
    let hanging: Vec<_> = (0..HANGING).map(|_| gid()).collect();
    let slow = [format!("{host}/slow")];
    let submits = hanging.iter().map(async |gid| coordinator.done("submit", &message(gid, &slow)).await);
    stream::iter(submits).buffer_unordered(16).collect::<()>().await;

    let other = gid();
    coordinator.done("submit", &message(&other, &[format!("{host}/ok")])).await;
    coordinator.wait_status(&other, "succeed").await;
    // Some calls got no turn. That is not an answer of the branch, so it is not counted, and the interval stays the
    // same.
    let mut held_back = 0;
    for gid in &hanging {
        let transaction = coordinator.query(gid).await["transaction"].clone();
        assert_eq!((&transaction["status"], &transaction["next_cron_interval"]), (&"submitted".into(), &1.into()));
        held_back += usize::from(transaction["owner"] == "");
    }
    assert!(held_back > 0, "not all {HANGING} found a place");
}
