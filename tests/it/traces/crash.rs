//! From the request to the branch, over a crash of the sender and of the coordinator.

use std::time::Duration;

use branchwire::Done;
use branchwire::protocol::Status;
use opentelemetry::trace::SpanKind;
use tracing::Instrument as _;

use super::{World, debit, fields};

#[tokio::test]
async fn one_trace_goes_from_the_request_over_a_crash_to_the_branch() {
    let mut world = World::start().await;
    // The sender dies after its commit: nothing more is heard of it.
    world.coordinator.lose_submits(true);
    let (client, to, prepared) = (world.client(), world.at_b.trans_in(&30), world.at_a.transfer_prepared());
    let sent = client.msg(to).do_and_submit(prepared, &world.a, async |tx| debit(tx, 30).await);
    let done = sent.instrument(tracing::info_span!("request")).await;
    let Ok(Done::Committed { gid, .. }) = done else { panic!("{done:?}") };
    world.coordinator.lose_submits(false);
    world.coordinator.restart().await;
    world.coordinator.advance(Duration::from_mins(1));
    assert_eq!(world.coordinator.wait(&gid).await, Status::Succeed);
    let spans = world.end().await;
    spans.assert_path(spans.one("debit"), &["request"]);
    spans.assert_path(spans.one("prepare"), &["request"]);
    spans.assert_path(spans.one("transfer_prepared"), &["query-prepared", "request"]);
    spans.assert_path(spans.one("credit"), &["trans_in", "call action", "request"]);
    assert!(spans.all("submit").is_empty(), "{:?}", spans.names());

    let call = spans.one("call action");
    assert_eq!((&call.span_kind, call.instrumentation_scope.name()), (&SpanKind::Client, "branchwire-coordinator"));
    let of_call = fields(call);
    for (field, value) in [
        ("gid", gid.as_str()),
        ("branch_id", "01"),
        ("op", "action"),
        ("attempt", "1"),
        ("answer", "success"),
        ("status", "200"),
        ("server.address", "bank-b"),
        ("url.path", "/bank-b/trans-in"),
    ] {
        assert_eq!(of_call.get(field).map(String::as_str), Some(value), "{field}: {of_call:?}");
    }
    let question = fields(spans.one("query-prepared"));
    assert_eq!((&*question["branch_id"], &*question["op"]), ("00", "msg"));
    let prepare = fields(spans.one("prepare"));
    assert_eq!((&*prepare["gid"], &*prepare["trans_type"], &*prepare["status"]), (gid.as_str(), "msg", "200"));

    let branch = spans.one("trans_in");
    assert_eq!(branch.span_kind, SpanKind::Server);
    let of_branch = fields(branch);
    assert_eq!(
        (&*of_branch["gid"], &*of_branch["branch_id"], &*of_branch["op"], &*of_branch["name"]),
        (gid.as_str(), "01", "action", "trans_in")
    );
}

#[tokio::test]
async fn each_attempt_has_a_span_of_its_own() {
    let world = World::start().await;
    world.services.down("http://bank-b", true);
    let sent = world.client().msg(world.at_b.trans_in(&30)).wait_result().submit();
    let gid = sent.instrument(tracing::info_span!("request")).await.expect("submitted").gid().clone();
    world.services.down("http://bank-b", false);
    world.services.lose_answers("http://bank-b", true);
    world.coordinator.ask_now(&gid).await;
    while world.recorder.spans().all("call action").len() < 2 {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    world.services.lose_answers("http://bank-b", false);
    world.coordinator.ask_now(&gid).await;
    assert_eq!(world.coordinator.wait(&gid).await, Status::Succeed);
    let spans = world.end().await;
    let calls: Vec<_> = spans.all("call action").into_iter().map(fields).collect();
    let seen: Vec<_> = calls.iter().map(|call| (&*call["attempt"], &*call["answer"])).collect();
    assert_eq!(seen, [("1", "unknown"), ("2", "unknown"), ("3", "success")]);
    assert_eq!((calls[0].get("status"), &*calls[2]["status"]), (None, "200"));
    // It was applied once; the third call is a repetition.
    assert_eq!((spans.all("trans_in").len(), spans.all("credit").len()), (2, 1));
    for call in spans.all("call action") {
        spans.assert_path(call, &["request"]);
    }
    spans.assert_path(spans.one("submit"), &["request"]);
}

#[tokio::test]
async fn without_a_trace_each_call_begins_one_that_its_branch_continues() {
    let world = World::start().await;
    let gid = world.client().msg(world.at_b.trans_in(&30)).submit().await.expect("submitted").gid().clone();
    assert_eq!(world.coordinator.wait(&gid).await, Status::Succeed);
    let spans = world.end().await;
    spans.assert_path(spans.one("credit"), &["trans_in", "call action"]);
    spans.assert_path(spans.one("submit"), &[]);
}
