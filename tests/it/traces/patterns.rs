//! Sagas and their compensations, TCCs, and messages that an outbox sends later.

use branchwire::protocol::Status;
use branchwire::{Done, Outbox, SagaNotDone};
use tracing::Instrument as _;

use super::{World, debit, fields};

#[tokio::test]
async fn a_sagas_actions_and_compensations_are_in_its_callers_trace() {
    let world = World::start().await;
    let saga = world.client().saga(world.at_b.take(&70)).then(world.at_b.take(&700)).run();
    let done = saga.instrument(tracing::info_span!("request")).await;
    let Err(SagaNotDone::RolledBack { gid, .. } | SagaNotDone::RollingBack { gid, .. }) = done else {
        panic!("{done:?}")
    };
    assert_eq!(world.coordinator.wait(&gid).await, Status::Failed);
    let spans = world.end().await;
    let [first, second] = spans.all("take")[..] else { panic!("{:?}", spans.names()) };
    for (branch, branch_id) in [(first, "01"), (second, "02")] {
        spans.assert_path(branch, &["call action", "request"]);
        assert_eq!(fields(branch)["branch_id"], branch_id);
    }
    let refused = fields(spans.all("call action")[1]);
    assert_eq!((&*refused["answer"], &*refused["status"]), ("failure", "409"));
    // That of the refused action finds nothing to undo.
    let undone = spans.all("give_back");
    assert_eq!(undone.len(), 2, "{:?}", spans.names());
    for branch in undone {
        spans.assert_path(branch, &["call compensate", "request"]);
    }
}

#[tokio::test]
async fn a_tccs_tries_confirms_and_cancels_are_in_its_callers_trace() {
    for (decision, told, second_half, call) in
        [(Ok(()), "submit", "pay", "call confirm"), (Err("no"), "abort", "let_go", "call cancel")]
    {
        let world = World::start().await;
        let tcc = world.client().tcc().run(async |tcc| {
            tcc.call(world.at_b.hold(&5)).instrument(tracing::info_span!("ask")).await.map_err(|_| "failed")?;
            decision
        });
        let done = tcc.instrument(tracing::info_span!("request")).await;
        assert_eq!(done.is_ok(), decision.is_ok(), "{done:?}");
        let spans = world.end().await;
        // The caller makes this call itself, from its span.
        spans.assert_path(spans.one("hold"), &["ask", "request"]);
        spans.assert_path(spans.one(told), &["request"]);
        spans.assert_path(spans.one(second_half), &[call, "request"]);
    }
}

#[tokio::test]
async fn what_an_outbox_sends_later_is_in_the_trace_of_whoever_wrote_it() {
    let world = World::start().await;
    let client = world.client();
    world.coordinator.down(true);
    let message = client.msg(world.at_b.trans_in(&30));
    let gid = {
        // The relay is started in another trace, and is none of the request's.
        let outbox = Outbox::start(&world.a, &client).instrument(tracing::info_span!("start")).await.unwrap();
        let sent = message.send_with(&outbox, async |tx| debit(tx, 30).await);
        let done = sent.instrument(tracing::info_span!("request")).await;
        let Ok(Done::Committed { gid, .. }) = done else { panic!("{done:?}") };
        outbox.stop().await;
        gid
    };
    world.coordinator.down(false);
    let age = "UPDATE branchwire_outbox SET created_ms = created_ms - 60000, due_ms = due_ms - 60000";
    sqlx::query(age).execute(&world.a.0).await.unwrap();
    // Another process finds the row, and sends it.
    let outbox = Outbox::start(&world.a, &client).instrument(tracing::info_span!("start again")).await.unwrap();
    assert_eq!(world.coordinator.wait(&gid).await, Status::Succeed);
    outbox.stop().await;
    let spans = world.end().await;
    spans.assert_path(spans.one("debit"), &["request"]);
    spans.assert_path(spans.one("submit"), &["request"]);
    spans.assert_path(spans.one("credit"), &["trans_in", "call action", "request"]);
}
