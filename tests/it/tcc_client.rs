//! The client of a TCC, and a coordinator whose answers get lost. The clock is virtual.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::http::{Request, Response};
use branchwire::axum::body::Bytes;
use branchwire::client::{Channel, ChannelError};
use branchwire::prelude::*;
use branchwire::protocol::{GID_HEADER, GID_IS_NEW};
use branchwire::tcc::CallError;
use branchwire::{TccBranch, axum};
use futures_util::future::BoxFuture;
use serde_json::{Value, json};

/// A coordinator of one TCC, and its branches. Clones are the same one.
#[derive(Clone, Default)]
struct Fake(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    status: Option<&'static str>,
    /// The ids that were registered, also repeatedly.
    registered: Vec<String>,
    tries: usize,
    aborts: usize,
    /// The answers to this call that are lost, after it was carried out.
    lost: Option<(&'static str, usize)>,
    /// Another call under the same gid decides the opposite.
    decided_by_another: Option<&'static str>,
    /// The status of each answer of a try.
    try_answers: u16,
    /// The rows of its branches: op and status.
    rows: Vec<(&'static str, &'static str)>,
}

impl Fake {
    fn new() -> Self {
        Self(Arc::new(Mutex::new(State { try_answers: 200, ..State::default() })))
    }

    fn with(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.0.lock().unwrap());
    }

    fn status(&self) -> Option<&'static str> {
        self.0.lock().unwrap().status
    }

    fn client(&self) -> Client {
        let api = branchwire::protocol::client::Client::with_channel(self.clone()).with_branches(self.clone());
        Client::from(api)
    }

    fn answer(&self, call: &str, body: &[u8]) -> Option<(u16, Value)> {
        let mut state = self.0.lock().unwrap();
        if let ("submit" | "abort", Some(decided)) = (call, state.decided_by_another) {
            state.status = Some(decided);
        }
        let undecided = state.status == Some("prepared");
        state.aborts += usize::from(call == "abort");
        let answer = match (call, undecided) {
            ("prepare", _) if state.status.is_none() => {
                state.status = Some("prepared");
                true
            }
            ("registerBranch", true) => {
                let sent: Value = serde_json::from_slice(body).unwrap();
                assert!(sent.as_object().unwrap().values().all(Value::is_string), "{sent}");
                state.registered.push(sent["branch_id"].as_str().unwrap().to_owned());
                true
            }
            ("submit", true) => {
                state.status = Some("succeed");
                true
            }
            ("abort", true) => {
                state.status = Some("failed");
                true
            }
            _ => false,
        };
        let said = match call {
            "query" => {
                let record = state.status.map(|status| json!({ "gid": "g", "trans_type": "tcc", "status": status }));
                let row = |(op, status): &(&str, &str)| json!({ "branch_id": "01", "op": op, "status": status });
                (200, json!({ "transaction": record, "branches": state.rows.iter().map(row).collect::<Vec<_>>() }))
            }
            "try" => {
                state.tries += 1;
                (state.try_answers, json!({ "dtm_result": "SUCCESS" }))
            }
            _ if answer => (200, json!({ "dtm_result": "SUCCESS" })),
            _ => (409, json!({ "dtm_result": "FAILURE" })),
        };
        match &mut state.lost {
            Some((lost, times)) if *lost == call && *times > 0 => {
                *times -= 1;
                None
            }
            _ => Some(said),
        }
    }
}

impl Channel for Fake {
    fn exchange(&self, request: Request<Bytes>) -> BoxFuture<'_, Result<Response<Bytes>, ChannelError>> {
        let call = request.uri().path().rsplit('/').next().unwrap().to_owned();
        let answer = self.answer(&call, request.body());
        Box::pin(async move {
            let (status, body) = answer.ok_or_else(|| ChannelError::NoAnswer("lost".into()))?;
            Ok(Response::builder()
                .status(status)
                .header(GID_HEADER, GID_IS_NEW)
                .body(Bytes::from(body.to_string()))
                .unwrap())
        })
    }
}

fn gid() -> Gid {
    Gid::new("g").unwrap()
}

fn branch() -> TccBranch {
    TccBranch::url("http://x/try", "http://x/confirm", "http://x/cancel", &1).unwrap()
}

/// Two tries, then this decision.
async fn run(fake: &Fake, decision: Result<(), Why>) -> Result<TccDone<()>, TccNotDone<Why>> {
    let tcc = fake.client().tcc().gid(gid()).within(Duration::from_secs(20));
    tcc.run(async |tcc| {
        tcc.call(branch()).await?;
        tcc.call(branch()).await?;
        decision
    })
    .await
}

#[derive(Debug, thiserror::Error)]
enum Why {
    #[error("too dear")]
    TooDear,
    #[error(transparent)]
    Call(#[from] CallError),
}

#[tokio::test(start_paused = true)]
async fn a_registration_whose_answer_is_lost_is_repeated_with_the_same_id() {
    let fake = Fake::new();
    fake.with(|state| state.lost = Some(("registerBranch", 3)));
    let done = run(&fake, Ok(())).await.unwrap();
    assert_eq!(done, TccDone::Confirmed { gid: gid(), value: (), finished: true });
    fake.with(|state| {
        assert_eq!(state.registered, ["01", "01", "01", "01", "02"]);
        assert_eq!(state.tries, 2);
    });
}

#[tokio::test(start_paused = true)]
async fn registrations_that_never_answer_end_with_the_closures_time_and_call_no_try() {
    let fake = Fake::new();
    fake.with(|state| state.lost = Some(("registerBranch", usize::MAX)));
    let begun = tokio::time::Instant::now();
    let not_done = run(&fake, Ok(())).await.unwrap_err();
    let why = matches!(&not_done, TccNotDone::Cancelled { why: Why::Call(CallError::NotRegistered { .. }), .. });
    assert!(why && begun.elapsed() <= Duration::from_secs(20), "{not_done:?} after {:?}", begun.elapsed());
    assert_eq!(fake.status(), Some("failed"));
    fake.with(|state| assert_eq!(state.tries, 0));
}

#[tokio::test(start_paused = true)]
async fn a_submit_whose_answer_is_lost_is_told_as_what_it_was() {
    let fake = Fake::new();
    fake.with(|state| state.lost = Some(("submit", 1)));
    let done = run(&fake, Ok(())).await.unwrap();
    assert_eq!(done, TccDone::Confirmed { gid: gid(), value: (), finished: true });
}

#[tokio::test(start_paused = true)]
async fn a_submit_after_the_coordinator_has_cancelled_is_not_told_as_confirmed() {
    let fake = Fake::new();
    fake.with(|state| state.decided_by_another = Some("failed"));
    let not_done = run(&fake, Ok(())).await.unwrap_err();
    assert!(matches!(not_done, TccNotDone::TimedOut { finished: true, .. }), "{not_done:?}");
}

#[tokio::test(start_paused = true)]
async fn what_another_call_has_confirmed_is_never_told_as_cancelled() {
    for (status, finished) in [("submitted", false), ("succeed", true)] {
        let fake = Fake::new();
        fake.with(|state| state.decided_by_another = Some(status));
        let done = run(&fake, Err(Why::TooDear)).await;
        assert!(matches!(&done, Ok(TccDone::Repeated { finished: told, .. }) if *told == finished), "{done:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_try_that_refuses_is_called_once_and_cancels() {
    let fake = Fake::new();
    fake.with(|state| state.try_answers = 409);
    let not_done = run(&fake, Ok(())).await.unwrap_err();
    let why = matches!(&not_done, TccNotDone::Cancelled { why: Why::Call(CallError::Refused { number: 1 }), .. });
    assert!(why, "{not_done:?}");
    assert_eq!(fake.status(), Some("failed"));
    fake.with(|state| assert_eq!(state.tries, 1));
}

#[tokio::test(start_paused = true)]
async fn what_a_person_has_stopped_is_told_as_neither_confirmed_nor_cancelled() {
    for (decision, value) in [(Ok(()), Some(())), (Err(Why::TooDear), None)] {
        let fake = Fake::new();
        fake.with(|state| {
            state.decided_by_another = Some("failed");
            state.rows = vec![("cancel", "prepared"), ("confirm", "succeed")];
        });
        let done = run(&fake, decision).await.unwrap();
        assert_eq!(done, TccDone::Stopped { gid: gid(), value });
        // The same order again.
        let again = run(&fake, Ok(())).await.unwrap();
        assert_eq!(again, TccDone::Stopped { gid: gid(), value: None });
    }
    let fake = Fake::new();
    fake.with(|state| {
        state.decided_by_another = Some("failed");
        state.rows = vec![("cancel", "succeed"), ("confirm", "prepared")];
    });
    let not_done = run(&fake, Ok(())).await.unwrap_err();
    assert!(matches!(not_done, TccNotDone::TimedOut { finished: true, .. }), "{not_done:?}");
}

#[tokio::test(start_paused = true)]
async fn a_tcc_that_was_decided_before_is_never_told_as_not_started() {
    for status in ["succeed", "failed"] {
        let fake = Fake::new();
        fake.with(|state| (state.status, state.lost) = (Some(status), Some(("query", 1))));
        // Its gid is refused, and the coordinator does not say why.
        let told = run(&fake, Ok(())).await;
        assert!(matches!(told, Ok(TccDone::Unknown { value: None, .. })), "{told:?}");
        fake.with(|state| assert_eq!((state.tries, state.aborts), (0, 0)));
        match run(&fake, Ok(())).await {
            Ok(TccDone::Repeated { finished: true, .. }) => assert_eq!(status, "succeed"),
            Err(error @ TccNotDone::GivenUp { finished: true, .. }) => {
                assert_eq!((status, error.may_retry_same_gid()), ("failed", false));
            }
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_tcc_has_no_branch_whose_id_would_have_three_digits() {
    let fake = Fake::new();
    let tcc = fake.client().tcc().gid(gid());
    let not_done = tcc
        .run(async |tcc| {
            for _ in 0..98 {
                tcc.call(branch()).await?;
            }
            tcc.join([branch()]).await?;
            tcc.call(branch()).await?;
            Ok::<_, Why>(())
        })
        .await
        .unwrap_err();
    assert!(matches!(not_done, TccNotDone::Cancelled { why: Why::Call(CallError::TooMany), .. }), "{not_done:?}");
    fake.with(|state| {
        assert_eq!((state.registered.len(), state.registered.last().unwrap().as_str(), state.tries), (99, "99", 99));
    });
    let fake = Fake::new();
    let many = (0..100).map(|_| branch()).collect::<Vec<_>>();
    let not_done =
        fake.client().tcc().gid(gid()).run(async |tcc| Ok::<_, Why>(tcc.join(many).await?)).await.unwrap_err();
    assert!(matches!(not_done, TccNotDone::Cancelled { why: Why::Call(CallError::TooMany), .. }), "{not_done:?}");
    fake.with(|state| assert_eq!((state.registered.len(), state.tries), (0, 0)));
}

/// A TCC whose closure has held something, and goes on for ever.
async fn held(fake: &Fake) -> impl Future<Output = ()> + Send {
    let held = Arc::new(tokio::sync::Notify::new());
    let (tcc, noticed) = (fake.client().tcc().gid(gid()), held.clone());
    let mut run = Box::pin(async move {
        let done = tcc.run(async |tcc| {
            tcc.call(branch()).await?;
            noticed.notify_one();
            std::future::pending::<Result<(), Why>>().await
        });
        panic!("{:?}", done.await);
    });
    tokio::select! {
        () = &mut run => {}
        () = held.notified() => {}
    }
    run
}

#[tokio::test(start_paused = true)]
async fn a_tcc_whose_caller_hangs_up_is_cancelled_at_once() {
    let fake = Fake::new();
    drop(held(&fake).await);
    assert_eq!(fake.status(), Some("prepared"), "it is told by a task of its own");
    tokio::time::sleep(Duration::from_millis(1)).await;
    assert_eq!(fake.status(), Some("failed"));
}

#[tokio::test(start_paused = true)]
async fn without_a_runtime_an_abandoned_tcc_is_left_to_the_coordinators_time() {
    let fake = Fake::new();
    let run = held(&fake).await;
    std::thread::scope(|threads| threads.spawn(|| drop(run)).join().expect("no panic"));
    tokio::time::sleep(Duration::from_mins(1)).await;
    assert_eq!(fake.status(), Some("prepared"));
}

#[tokio::test(start_paused = true)]
async fn a_tcc_that_is_dropped_once_it_has_decided_is_not_cancelled() {
    let fake = Fake::new();
    // The submit has no answer, so the call goes on.
    fake.with(|state| state.lost = Some(("query", usize::MAX)));
    fake.with(|state| state.decided_by_another = Some("submitted"));
    let told = tokio::time::timeout(Duration::from_millis(10), run(&fake, Ok(()))).await;
    assert!(told.is_err(), "{told:?}");
    tokio::time::sleep(Duration::from_mins(1)).await;
    fake.with(|state| assert_eq!(state.aborts, 0));
}
