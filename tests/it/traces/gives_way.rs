//! What a trace gives way to: a header of the user's, the limit for headers, signatures, another layer's span.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::middleware::{Next, from_fn};
use branchwire::auth::Keys;
use branchwire::client::{Channel, ChannelError};
use branchwire::protocol::{MESSAGE_HEADER, TRACEPARENT_HEADER, TRACESTATE_HEADER, TraceParent, Transaction};
use branchwire::{Client, MsgBranch, NotDone, NotStarted};
use futures_util::future::{BoxFuture, FutureExt as _};
use opentelemetry::Context;
use opentelemetry::trace::{FutureExt as _, SpanContext, SpanKind, TraceContextExt as _, TraceFlags, TraceState};
use tower::ServiceExt as _;
use tracing::Instrument as _;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

use super::{Recorder, World, fields, id, trace};

/// Takes what it is sent.
#[derive(Clone, Default)]
struct Takes(Arc<Mutex<Vec<Transaction>>>);

impl Channel for Takes {
    fn exchange(
        &self,
        request: axum::http::Request<Bytes>,
    ) -> BoxFuture<'_, Result<axum::http::Response<Bytes>, ChannelError>> {
        self.0.lock().unwrap().push(serde_json::from_slice(request.body()).expect("a transaction"));
        let says = Bytes::from_static(br#"{"dtm_result":"SUCCESS"}"#);
        futures_util::future::ready(Ok(axum::http::Response::new(says))).boxed()
    }
}

impl Takes {
    /// The headers of the last transaction.
    fn headers(&self) -> BTreeMap<String, String> {
        self.0.lock().unwrap().last().expect("it was sent").options.branch_headers.clone().unwrap_or_default()
    }
}

fn branch() -> MsgBranch {
    MsgBranch::url("http://bank-b/in", &30).unwrap()
}

/// A remote trace with this state.
fn remote(state: &str) -> Context {
    let state: TraceState = state.parse().expect("a state");
    let context = SpanContext::new(7_u128.into(), 9_u64.into(), TraceFlags::SAMPLED, true, state);
    Context::new().with_remote_span_context(context)
}

#[tokio::test]
async fn a_header_of_the_users_stays_as_it_is() {
    let _recorder = Recorder::start();
    let (takes, request) = (Takes::default(), tracing::info_span!("request"));
    let client = Client::with_channel(takes.clone());
    for (name, value) in [("Traceparent", "mine"), (TRACESTATE_HEADER, "a=b")] {
        let sent = client.msg(branch()).branch_header(name, value).submit();
        let _ = sent.instrument(request.clone()).await.expect("submitted");
        assert_eq!(takes.headers(), BTreeMap::from([(name.to_owned(), value.to_owned())]));
    }
    let _ = client.msg(branch()).submit().instrument(request).await.expect("submitted");
    assert_eq!(takes.headers().keys().collect::<Vec<_>>(), [TRACEPARENT_HEADER]);
    let _ = client.msg(branch()).submit().await.expect("submitted");
    assert!(takes.headers().is_empty(), "there is no span: {:?}", takes.headers());
}

#[tokio::test]
async fn a_span_of_opentelemetrys_own_interface_counts_as_well() {
    let takes = Takes::default();
    let client = Client::with_channel(takes.clone());
    let _ = client.msg(branch()).submit().with_context(remote("a=b")).await.expect("submitted");
    let expected = TraceParent { trace_id: 7, span_id: 9, is_sampled: true };
    assert_eq!(takes.headers()[TRACEPARENT_HEADER], expected.to_string());
    assert_eq!(takes.headers()[TRACESTATE_HEADER], "a=b");
}

#[tokio::test]
async fn what_does_not_fit_is_left_out_first_the_state_and_never_the_transaction() {
    let takes = Takes::default();
    let client = Client::with_channel(takes.clone());
    let state = format!("a={},b={}", "x".repeat(200), "&".repeat(20));
    for (own, kept) in
        [(0, &["own", TRACEPARENT_HEADER, TRACESTATE_HEADER][..]), (700, &["own", TRACEPARENT_HEADER]), (900, &["own"])]
    {
        let sent = client.msg(branch()).branch_header("own", "x".repeat(own)).submit();
        let _ = sent.with_context(remote(&state)).await.expect("submitted");
        assert_eq!(takes.headers().keys().collect::<Vec<_>>(), kept, "{own}");
        assert_eq!(takes.headers()["own"].len(), own);
    }
    // What is too long without a trace is not the trace's fault.
    let sent = client.msg(branch()).branch_header("own", "x".repeat(2_000)).submit();
    let refused = sent.with_context(remote(&state)).await;
    assert!(matches!(refused, Err(NotDone::NotStarted(NotStarted::Invalid { .. }))), "{refused:?}");
}

#[tokio::test]
async fn signatures_come_before_the_trace() {
    let takes = Takes::default();
    let keys: Keys = "2026-12:0123456789abcdef0123456789abcdef".parse().unwrap();
    let client = Client::with_channel(takes.clone()).sign_messages(keys);
    for (branches, kept) in [(10, &[MESSAGE_HEADER, TRACEPARENT_HEADER][..]), (40, &[MESSAGE_HEADER])] {
        let message = client.msg_all((0..branches).map(|_| branch())).unwrap();
        let _ = message.submit().with_context(remote("")).await.expect("submitted");
        assert_eq!(takes.headers().keys().collect::<Vec<_>>(), kept, "{branches}");
    }
    // One that cannot be signed at all says so.
    let message = client.msg_all((0..41).map(|_| branch())).unwrap();
    let not_sent = message.submit().with_context(remote("")).await;
    assert!(matches!(not_sent, Err(NotDone::NotStarted(NotStarted::Unsignable(_)))), "{not_sent:?}");
}

/// Calls the branch, as a coordinator does whose transaction belongs to this trace.
async fn called(routes: axum::Router, gid: &str, parent: TraceParent) {
    let uri = format!("/bank-b/trans-in?gid={gid}&trans_type=msg&branch_id=01&op=action");
    let request = Request::post(uri).header(TRACEPARENT_HEADER, parent.to_string()).body(Body::from("1")).unwrap();
    assert_eq!(routes.oneshot(request).await.unwrap().status(), 200);
}

#[tokio::test]
async fn a_layer_that_has_continued_the_trace_keeps_its_place_and_one_that_has_not_gives_way() {
    let world = World::start().await;
    let parent = TraceParent { trace_id: 7, span_id: 9, is_sampled: true };
    let layer = |continues: bool| {
        from_fn(move |request: Request, next: Next| {
            let span = tracing::info_span!("http");
            if continues {
                span.set_parent(remote("")).expect("spans are recorded");
            }
            next.run(request).instrument(span)
        })
    };
    called(world.routes.clone().layer(layer(true)), "continued", parent).await;
    called(world.routes.clone().layer(layer(false)), "not", parent).await;
    called(world.routes.clone(), "alone", parent).await;
    let spans = world.end().await;
    let of = |gid: &str| spans.all("trans_in").into_iter().find(|span| fields(span)["gid"] == gid).expect("a call");
    let [http, _] = spans.all("http")[..] else { panic!("{:?}", spans.names()) };
    assert_eq!(of("continued").parent_span_id, id(http));
    assert_eq!(of("continued").span_kind, SpanKind::Internal);
    for gid in ["not", "alone"] {
        assert_eq!((trace(of(gid)), of(gid).parent_span_id), (7_u128.into(), 9_u64.into()));
        assert_eq!(of(gid).span_kind, SpanKind::Server);
    }
}
