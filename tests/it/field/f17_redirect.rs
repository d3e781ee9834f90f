//! F17: a branch that responds with a redirect was called again for ever.

use axum::Router;
use axum::extract::RawQuery;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use branchwire_coordinator::Coordinator;
use branchwire_tests::database::TestDatabase;
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use crate::coordinator::{Running, gid, message};

/// A service whose paths redirect: `/307` with status 307, and so on.
async fn host(
    moved: impl Fn(String) -> String + Clone + Send + Sync + 'static,
) -> (String, mpsc::UnboundedReceiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let host = format!("http://{}", listener.local_addr().expect("its address"));
    let (calls, called) = mpsc::unbounded_channel();
    let mut router = Router::new().route(
        "/in/",
        post(async move |body: String| {
            let _ = calls.send(body);
            "{}"
        }),
    );
    for status in [301_u16, 302, 303, 307, 308] {
        let moved = moved.clone();
        let redirect = async move |RawQuery(query): RawQuery| -> Response {
            let status = StatusCode::from_u16(status).expect("a status");
            (status, [("location", moved(query.unwrap_or_default()))]).into_response()
        };
        router = router.route(&format!("/{status}"), post(redirect));
    }
    tokio::spawn(axum::serve(listener, router).into_future());
    (host, called)
}

#[tokio::test]
async fn a_redirect_that_keeps_the_request_is_followed() {
    let database = TestDatabase::sqlite();
    let coordinator = Running::start(Coordinator::builder().store(database.url())).await;
    let (host, mut called) = host(|query| format!("/in/?{query}")).await;
    for status in [307, 308] {
        let gid = gid();
        coordinator.done("submit", &message(&gid, &[format!("{host}/{status}")])).await;
        coordinator.wait_status(&gid, "succeed").await;
        assert_eq!(called.recv().await.as_deref(), Some("{}"), "with its payload");
    }
    coordinator.stop().await;
}

#[tokio::test]
async fn another_redirect_or_one_to_a_forbidden_address_is_unknown_and_waits_longer_each_time() {
    let database = TestDatabase::sqlite();
    let builder = Coordinator::builder().store(database.url()).networks("127.0.0.1".parse().expect("networks"));
    let coordinator = Running::start(builder).await;
    let (here, mut called) = host(|query| format!("/in/?{query}")).await;
    let (elsewhere, _) = host(|query| format!("http://[::1]:1/in/?{query}")).await;
    let moved = [format!("{here}/301"), format!("{here}/302"), format!("{here}/303"), format!("{elsewhere}/307")];
    for action in moved {
        let gid = gid();
        coordinator.done("submit", &message(&gid, std::slice::from_ref(&action))).await;
        let doubled = |seen: &serde_json::Value| seen["transaction"]["next_cron_interval"].as_i64() >= Some(2);
        let seen = coordinator.wait(&gid, doubled).await;
        assert_eq!(seen["transaction"]["status"], "submitted", "{action}");
    }
    called.try_recv().expect_err("nobody was called by another method");
    coordinator.stop().await;
}
