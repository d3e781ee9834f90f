//! A trace from outside decides nothing, breaks nothing, and is not repeated in a log.

use std::io;
use std::sync::{Arc, Mutex};

use axum::body::Body;
use axum::extract::Request;
use axum::http::HeaderValue;
use axum::middleware::{Next, from_fn};
use branchwire::Gid;
use branchwire::protocol::{
    Status, TRACEPARENT_HEADER, TRACESTATE_HEADER, TraceParent, Transaction, client::Client as Api,
};
use tower::ServiceExt as _;
use tracing::subscriber::DefaultGuard;
use tracing_subscriber::Layer as _;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt as _;

use super::World;
use crate::keeps_open::KeepsOpen;

/// What must not be seen in a log.
const MARK: &str = "h0st1le";

/// What must be seen in it.
const READ: &str = "the log is read";

/// Values of a header that are no `traceparent`.
fn invalid() -> Vec<String> {
    let (trace, span) = ("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7");
    vec![
        MARK.to_owned(),
        format!("\"'><script>{MARK}</script>"),
        format!("00-{trace}-{span}-01-{MARK}"),
        format!("00-{trace}-{span}-01{}", MARK.repeat(50)),
        format!("00-{}-{span}-01", "0".repeat(32)),
        format!("ff-{trace}-{span}-01"),
        "-".repeat(300),
        String::new(),
    ]
}

/// Keeps all that is logged in this thread.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap()).into_owned()
    }
}

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Log {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

/// Logs everything of ours, and everything about spans.
fn logged(log: &Log) -> DefaultGuard {
    let ours = |metadata: &tracing::Metadata<'_>| {
        ["branchwire", "opentelemetry", "tracing_opentelemetry"].iter().any(|name| metadata.target().starts_with(name))
    };
    let lines = tracing_subscriber::fmt::layer().with_ansi(false).with_writer(log.clone());
    let lines = lines.with_filter(tracing_subscriber::filter::filter_fn(ours));
    let subscriber = tracing_subscriber::registry().with(lines).with(KeepsOpen::default());
    let guard = tracing::subscriber::set_default(subscriber);
    tracing::info!(target: "branchwire", "{READ}");
    guard
}

#[tokio::test]
async fn no_traceparent_of_a_client_stops_a_transaction_or_is_passed_on() {
    let mut world = World::start().await;
    let (log, seen) = (Log::default(), Arc::new(Mutex::new(Vec::new())));
    let keep = seen.clone();
    let keeps = from_fn(move |request: Request, next: Next| {
        keep.lock().unwrap().push(request.headers().clone());
        next.run(request)
    });
    world.services.host("http://bank-b", world.routes.clone().layer(keeps));
    let client: Api = world.coordinator.client();
    let logging = logged(&log);
    for value in invalid() {
        let gid = Gid::random();
        let mut transaction: Transaction = serde_json::from_value(serde_json::json!({
            "gid": gid.as_str(), "trans_type": "msg", "steps": [{ "action": "http://bank-b/bank-b/trans-in" }], "payloads": ["30"],
        }))
        .unwrap();
        let headers = [("TraceParent", value.clone()), (TRACESTATE_HEADER, format!("a={MARK}"))];
        transaction.options.branch_headers = Some(headers.map(|(name, value)| (name.to_owned(), value)).into());
        client.submit(&transaction).await.expect("submitted");
        assert_eq!(world.coordinator.wait(&gid).await, Status::Succeed, "{value}");
        let headers = seen.lock().unwrap().pop().expect("it was called");
        let [parent] = headers.get_all(TRACEPARENT_HEADER).iter().collect::<Vec<_>>()[..] else {
            panic!("{headers:?}")
        };
        assert!(parent.to_str().unwrap().parse::<TraceParent>().is_ok(), "a trace of the coordinator's: {headers:?}");
        assert!(!headers.contains_key(TRACESTATE_HEADER), "{headers:?}");
        // The next start reads it from the store.
        world.coordinator.restart().await;
    }
    drop(logging);
    world.coordinator.stop().await;
    let log = log.text();
    assert!(log.contains(READ) && !log.contains(MARK), "{log}");
}

#[tokio::test]
async fn no_traceparent_that_reaches_a_service_stops_a_call() {
    let world = World::start().await;
    let log = Log::default();
    let logging = logged(&log);
    let text = |value: &String| HeaderValue::try_from(value).unwrap();
    let bytes = HeaderValue::from_bytes(b"00-\xff\xfe-\x80-01").unwrap();
    let valid = HeaderValue::from_static("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
    let mut cases: Vec<_> = invalid().iter().map(|value| vec![text(value)]).collect();
    cases.extend([vec![bytes], vec![valid.clone(), valid.clone()]]);
    for values in cases {
        let uri = format!("/bank-b/trans-in?gid={}&trans_type=msg&branch_id=01&op=action", Gid::random());
        let mut request = Request::post(uri).body(Body::from("1")).unwrap();
        for value in &values {
            request.headers_mut().append(TRACEPARENT_HEADER, value.clone());
        }
        let state = format!("a={MARK},{}", "=".repeat(600));
        request.headers_mut().append(TRACESTATE_HEADER, text(&state));
        assert_eq!(world.routes.clone().oneshot(request).await.unwrap().status(), 200, "{values:?}");
    }
    drop(logging);
    world.coordinator.stop().await;
    let log = log.text();
    assert!(log.contains(READ) && !log.contains(MARK), "{log}");
}
