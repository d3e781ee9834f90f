//! Under a DTM server, as it was recorded: it stores a transaction's headers, and sends them with each call unchanged.

use std::sync::{Arc, Mutex};

use axum::body::{Body, Bytes};
use axum::http::{Request, Response};
use branchwire::client::{Channel, ChannelError};
use branchwire::protocol::Transaction;
use branchwire::{Client, Done};
use futures_util::future::{BoxFuture, FutureExt as _};
use tower::ServiceExt as _;
use tracing::Instrument as _;

use super::{World, debit};
use crate::conformance::vector::{self, CallSeen, Step, Vector};

/// Answers as recorded, until the sender is no longer heard of.
#[derive(Clone)]
struct Recorded {
    prepare_says: Bytes,
    prepared: Arc<Mutex<Option<Transaction>>>,
}

impl Channel for Recorded {
    fn exchange(&self, request: Request<Bytes>) -> BoxFuture<'_, Result<Response<Bytes>, ChannelError>> {
        let is_prepare = request.uri().path().ends_with("/prepare");
        async move {
            if !is_prepare {
                return Err(ChannelError::NoAnswer("the sender has died".into()));
            }
            *self.prepared.lock().unwrap() = Some(serde_json::from_slice(request.body()).unwrap());
            Ok(Response::new(self.prepare_says.clone()))
        }
        .boxed()
    }
}

/// The recorded scenario of a message with headers, whose sender submits nothing.
fn recorded() -> (Vector, serde_json::Map<String, serde_json::Value>) {
    let vector = vector::all().into_iter().find(|vector| vector.title == "msg-headers").expect("it was recorded");
    let Some(Step::Request { request, .. }) = vector.steps.first() else { panic!("it begins with a request") };
    let headers = request.body["branch_headers"].as_object().expect("it has headers").clone();
    (vector, headers)
}

#[tokio::test]
async fn a_dtm_server_passes_the_trace_on_to_query_prepared_and_to_the_branch() {
    let (vector, headers) = recorded();
    let of_call = |call: &CallSeen| {
        let own = call.headers.iter().filter(|(name, _)| *name != "content-type");
        own.map(|(name, value)| (name.clone(), value.clone().into())).collect::<serde_json::Map<_, _>>()
    };
    assert_eq!(vector.calls.iter().map(|call| &*call.path).collect::<Vec<_>>(), ["/prepared", "/in"]);
    assert!(vector.calls.iter().all(|call| of_call(call) == headers), "headers go on unchanged");

    let world = World::start().await;
    let Some(Step::Request { response, .. }) = vector.steps.first() else { unreachable!() };
    let prepared = Arc::default();
    let dtm = Recorded { prepare_says: response.body.to_string().into(), prepared: Arc::clone(&prepared) };
    let (client, to) = (Client::with_channel(dtm), world.at_b.trans_in(&30));
    let sent = client.msg(to).do_and_submit(world.at_a.transfer_prepared(), &world.a, async |tx| debit(tx, 30).await);
    let done = sent.instrument(tracing::info_span!("request")).await;
    assert!(matches!(done, Ok(Done::Committed { .. })), "{done:?}");

    // The recorded calls, with this transaction's addresses, payload and headers.
    let transaction: Transaction = prepared.lock().unwrap().take().expect("it was prepared");
    let step = transaction.steps.as_ref().unwrap()[0].action.clone();
    for (call, url) in vector.calls.iter().zip([&transaction.query_prepared, &step]) {
        let query =
            call.query.iter().map(|(name, value)| format!("{name}={}", value.replace("<gid>", &transaction.gid)));
        let uri = format!("{url}?{}", query.collect::<Vec<_>>().join("&"));
        let mut request = Request::builder().method(&*call.method).uri(uri);
        for (name, value) in transaction.options.branch_headers.iter().flatten() {
            request = request.header(name, value);
        }
        let body = if call.body.is_empty() { String::new() } else { transaction.payloads.as_ref().unwrap()[0].clone() };
        let response = world.routes.clone().oneshot(request.body(Body::from(body)).unwrap()).await.unwrap();
        assert_eq!(response.status(), 200, "{}", call.path);
    }
    let spans = world.end().await;
    spans.assert_path(spans.one("debit"), &["request"]);
    spans.assert_path(spans.one("transfer_prepared"), &["request"]);
    spans.assert_path(spans.one("credit"), &["trans_in", "request"]);
}
