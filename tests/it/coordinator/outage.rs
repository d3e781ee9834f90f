//! After an outage: many due messages run at once, and a hanging host delays only its own calls.

use std::time::Duration;

use axum::Router;
use axum::http::StatusCode;
use axum::routing::post;
use branchwire_coordinator::Coordinator;
use branchwire_coordinator::transport::CallLimits;
use branchwire_tests::database::TestDatabase;
use futures_util::{StreamExt, stream};
use tokio::net::TcpListener;
use tokio::sync::watch;

use super::{Running, gid, message};

/// How many concurrent calls the good host waits for before it responds to any.
const AT_ONCE: usize = 32;

/// Messages to the good host.
const GOOD: usize = 200;

/// Messages to the hanging host: more than may be in flight to it, or wait for it.
const HANGING: usize = 400;

const LIMITS: CallLimits = CallLimits { in_all: 128, per_host: 64 };

/// Counts the calls in flight.
#[derive(Clone)]
struct Calls(watch::Sender<usize>);

/// A call in flight.
struct UnderWay(watch::Sender<usize>);

impl Calls {
    fn begin(&self) -> UnderWay {
        self.0.send_modify(|count| *count += 1);
        UnderWay(self.0.clone())
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.send_modify(|count| *count -= 1);
    }
}

/// Serves `router`; gives the address of its branches.
async fn serve(router: Router) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("http://{}/in", listener.local_addr().expect("its address"));
    tokio::spawn(axum::serve(listener, router).into_future());
    url
}

async fn submit_all(coordinator: &Running, action: &str, count: usize) -> Vec<String> {
    let gids: Vec<_> = (0..count).map(|_| gid()).collect();
    let submits = gids.iter().map(async |gid| coordinator.done("submit", &message(gid, &[action.to_owned()])).await);
    stream::iter(submits).buffer_unordered(32).collect::<()>().await;
    gids
}

#[tokio::test]
async fn after_an_outage_many_messages_run_at_once_and_a_hanging_host_delays_only_its_own() {
    // Both hosts are down at first: their answers are unknown.
    let (up, is_up) = watch::channel(false);
    let (released, is_released) = watch::channel(false);
    let (calls, enough) = (Calls(watch::channel(0).0), watch::channel(false).0);
    let good = {
        let (is_up, calls, enough) = (is_up.clone(), calls.clone(), enough.clone());
        serve(Router::new().route(
            "/in",
            post(async move || {
                if !*is_up.borrow() {
                    return StatusCode::SERVICE_UNAVAILABLE;
                }
                let _call = calls.begin();
                let mut all = calls.0.subscribe();
                let mut seen = enough.subscribe();
                tokio::select! {
                    many = all.wait_for(|count| *count >= AT_ONCE) => drop(many.map(|_| enough.send_replace(true))),
                    _ = seen.wait_for(|enough| *enough) => {}
                }
                StatusCode::OK
            }),
        ))
        .await
    };
    let hanging = serve(Router::new().route(
        "/in",
        post(async move || {
            if !*is_up.borrow() {
                return StatusCode::SERVICE_UNAVAILABLE;
            }
            let mut is_released = is_released.clone();
            let _ = is_released.wait_for(|released| *released).await;
            StatusCode::OK
        }),
    ))
    .await;

    let database = TestDatabase::sqlite();
    let builder = || Coordinator::builder().store(database.url()).call_limits(LIMITS);
    let coordinator = Running::start(builder()).await;
    let held_up = submit_all(&coordinator, &hanging, HANGING).await;
    let others = submit_all(&coordinator, &good, GOOD).await;
    coordinator.stop().await;

    up.send_replace(true);
    let coordinator = Running::start(builder().request_timeout(Duration::from_mins(1))).await;
    for gid in &others {
        coordinator.wait_status(gid, "succeed").await;
    }
    assert!(*enough.borrow(), "{AT_ONCE} were called at once");
    for gid in &held_up {
        assert_eq!(coordinator.query(gid).await["transaction"]["status"], "submitted");
    }

    released.send_replace(true);
    for gid in &held_up {
        coordinator.wait_status(gid, "succeed").await;
    }
    coordinator.stop().await;
}
