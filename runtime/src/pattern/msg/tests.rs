//! Messages with a coordinator that answers by script, on a real SQLite file.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use futures_core::future::BoxFuture;
use http::{Request, Response};
use sqlx::SqlitePool;

use super::*;
use crate::client::{Channel, ChannelError};
use crate::protocol::{GID_HEADER, GID_IS_KNOWN, GID_IS_NEW};
use crate::{CommitError, PAYLOAD_BYTES_MAX, PayloadError, Prepared, ServiceUrl, barrier};

#[derive(Clone)]
struct Bank(SqlitePool);

impl Database for Bank {
    type Driver = sqlx::Sqlite;

    fn pool(&self) -> &SqlitePool {
        &self.0
    }
}

impl Bank {
    async fn open(dir: &tempfile::TempDir) -> Self {
        let options =
            sqlx::sqlite::SqliteConnectOptions::new().filename(dir.path().join("bank.db")).create_if_missing(true);
        let bank = Self(SqlitePool::connect_with(options).await.unwrap());
        assert_eq!(barrier::set_up(&bank).await.unwrap(), []);
        sqlx::query("CREATE TABLE account (balance INTEGER)").execute(&bank.0).await.unwrap();
        sqlx::query("INSERT INTO account VALUES (1000)").execute(&bank.0).await.unwrap();
        bank
    }

    async fn balance(&self) -> i64 {
        sqlx::query_scalar("SELECT balance FROM account").fetch_one(&self.0).await.unwrap()
    }
}

/// A coordinator of one message: it answers by script, and keeps what it was asked.
#[derive(Clone, Default)]
struct Scripted {
    /// Call -> status and body, `<gid>` for the gid that is asked for; what is not named succeeds. Status 0: no answer.
    /// 1: not sent.
    answers: Vec<(&'static str, u16, &'static str)>,
    /// What it says of the gid, as Branchwire's coordinator does; a DTM server says nothing.
    gid_is: Option<&'static str>,
    calls: Arc<Mutex<Vec<String>>>,
}

impl Scripted {
    fn client(answers: &[(&'static str, u16, &'static str)]) -> (Client, Self) {
        Self::client_of(answers, Some(GID_IS_NEW))
    }

    fn client_of(answers: &[(&'static str, u16, &'static str)], gid_is: Option<&'static str>) -> (Client, Self) {
        let this = Self { answers: answers.to_vec(), gid_is, ..Self::default() };
        (Client::with_channel(this.clone()), this)
    }

    fn calls(&self) -> String {
        self.calls.lock().unwrap().join(" ")
    }
}

impl Channel for Scripted {
    fn exchange(&self, request: Request<Bytes>) -> BoxFuture<'_, Result<Response<Bytes>, ChannelError>> {
        let call = request.uri().path().rsplit('/').next().unwrap().to_owned();
        let gid = request.uri().query().and_then(|query| query.strip_prefix("gid=")).unwrap_or_default().to_owned();
        let script = self.answers.iter().find(|(name, ..)| *name == call);
        let &(_, status, body) = script.unwrap_or(&("", 200, r#"{"dtm_result":"SUCCESS"}"#));
        self.calls.lock().unwrap().push(call);
        let gid_is = self.gid_is;
        Box::pin(async move {
            match status {
                0 => Err(ChannelError::NoAnswer("cut".into())),
                1 => Err(ChannelError::NotSent("refused".into())),
                _ => {
                    let mut answer = Response::builder().status(status);
                    if let Some(word) = gid_is.filter(|_| status == 200) {
                        answer = answer.header(GID_HEADER, word);
                    }
                    Ok(answer.body(Bytes::from(body.replace("<gid>", &gid))).unwrap())
                }
            }
        })
    }
}

fn service() -> ServiceUrl {
    ServiceUrl::new("http://bank-b").unwrap()
}

fn branch() -> MsgBranch {
    MsgBranch::with_payload(&service(), "/in", &30)
}

fn prepared() -> QueryPrepared<Bank> {
    QueryPrepared::new(&service(), "/prepared")
}

async fn debit(tx: &mut Tx<Bank>) -> Result<&'static str, sqlx::Error> {
    sqlx::query("UPDATE account SET balance = balance - 30").execute(&mut *tx).await?;
    Ok("debited")
}

const NOTHING_THERE: &str = r#"{"transaction":null,"branches":[]}"#;
const PREPARED: &str = r#"{"transaction":{"gid":"<gid>","trans_type":"msg","status":"prepared"},"branches":[]}"#;
const SUBMITTED: &str = r#"{"transaction":{"gid":"<gid>","trans_type":"msg","status":"submitted"},"branches":[]}"#;
const SUCCEED: &str = r#"{"transaction":{"gid":"<gid>","trans_type":"msg","status":"succeed"},"branches":[
    {"branch_id":"01","op":"action","url":"http://bank-b/in","bin_data":"MzA=","status":"succeed"}]}"#;
const FAILED: &str = r#"{"transaction":{"gid":"<gid>","trans_type":"msg","status":"failed","query_prepared":"http://a/p"},"branches":[
    {"branch_id":"01","op":"action","url":"http://bank-b/in","bin_data":"MzA=","status":"prepared"}]}"#;
/// Without query-prepared: it was submitted at once, so only a person can have ended it.
const STOPPED: &str = r#"{"transaction":{"gid":"<gid>","trans_type":"msg","status":"failed"},"branches":[
    {"branch_id":"01","op":"action","url":"http://bank-b/in","bin_data":"MzA=","status":"prepared"}]}"#;
const FAILED_HALF_WAY: &str = r#"{"transaction":{"gid":"<gid>","trans_type":"msg","status":"failed"},"branches":[
    {"branch_id":"01","op":"action","url":"http://bank-b/in","bin_data":"MzA=","status":"succeed"}]}"#;
/// The payload is 31.
const ANOTHER: &str = r#"{"transaction":{"gid":"<gid>","trans_type":"msg","status":"succeed"},"branches":[
    {"branch_id":"01","op":"action","url":"http://bank-b/in","bin_data":"MzE=","status":"succeed"}]}"#;
/// The same, and only prepared.
const OTHER_PREPARED: &str = r#"{"transaction":{"gid":"<gid>","trans_type":"msg","status":"prepared"},"branches":[
    {"branch_id":"01","op":"action","url":"http://bank-b/in","bin_data":"MzE=","status":"prepared"}]}"#;
const SUCCEED_AS_SAGA: &str = r#"{"transaction":{"gid":"<gid>","trans_type":"saga","status":"succeed"},"branches":[]}"#;
const ONGOING: &str = r#"{"dtm_result":"ONGOING","message":"submitted"}"#;
/// As a DTM server refuses: the status stands in a text, which nobody reads.
const REFUSED: &str = r#"{"dtm_result":"FAILURE","message":"current status 'x', cannot prepare. FAILURE"}"#;

#[tokio::test]
async fn a_commit_is_never_reported_as_an_error() {
    let dir = tempfile::tempdir().unwrap();
    let bank = Bank::open(&dir).await;
    for (n, (answers, expected)) in (1_i64..).zip([
        (vec![], "submitted"),
        (vec![("submit", 1, "")], "committed"),
        (vec![("submit", 0, ""), ("query", 1, "")], "committed"),
        (vec![("submit", 0, ""), ("query", 200, SUBMITTED)], "submitted"),
        (vec![("submit", 500, ""), ("query", 200, PREPARED)], "committed"),
        (vec![("submit", 500, ""), ("query", 0, "")], "committed"),
        (vec![("submit", 425, ONGOING)], "submitted"),
        (vec![("submit", 409, REFUSED), ("query", 200, SUBMITTED)], "submitted"),
        (vec![("submit", 409, REFUSED), ("query", 200, SUCCEED)], "submitted, and finished"),
        (vec![("submit", 409, REFUSED), ("query", 200, FAILED)], "stopped"),
        (vec![("submit", 503, "")], "committed"),
        (vec![("submit", 200, "<html>Welcome</html>"), ("query", 200, "<html>Welcome</html>")], "committed"),
    ]) {
        let (client, _) = Scripted::client(&answers);
        let done = client.msg(branch()).do_and_submit(prepared(), &bank, debit).await.unwrap();
        let was = match done {
            Done::Submitted { value: "debited", finished: false, .. } => "submitted",
            Done::Submitted { value: "debited", finished: true, .. } => "submitted, and finished",
            Done::Committed { value: "debited", .. } => "committed",
            Done::Stopped { value: Some("debited"), .. } => "stopped",
            other => panic!("{other:?}"),
        };
        assert_eq!(was, expected, "{answers:?}");
        assert_eq!(bank.balance().await, 1000 - 30 * n);
    }
}

#[tokio::test]
async fn a_message_that_is_not_prepared_runs_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let bank = Bank::open(&dir).await;
    for status in [0, 1, 409, 500] {
        let (client, coordinator) = Scripted::client(&[("prepare", status, "")]);
        let result = client.msg(branch()).do_and_submit(prepared(), &bank, debit).await;
        assert!(matches!(result, Err(NotDone::NotStarted(NotStarted::Coordinator(_)))), "{result:?}");
        assert_eq!(coordinator.calls(), "prepare");
    }
    assert_eq!(bank.balance().await, 1000);
}

#[tokio::test]
async fn a_refusal_comes_back_with_its_own_error_and_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let bank = Bank::open(&dir).await;
    let (client, coordinator) = Scripted::client(&[]);
    let result = client
        .msg(branch())
        .do_and_submit(prepared(), &bank, async |tx| {
            debit(tx).await.unwrap();
            Err::<(), _>("not enough money")
        })
        .await;
    assert!(matches!(result, Err(NotDone::RolledBack("not enough money"))), "{result:?}");
    assert_eq!(coordinator.calls(), "prepare abort");
    assert_eq!(bank.balance().await, 1000);
}

#[tokio::test]
async fn a_statement_whose_error_was_ignored_never_commits() {
    let dir = tempfile::tempdir().unwrap();
    let bank = Bank::open(&dir).await;
    let (client, coordinator) = Scripted::client(&[]);
    let result = client
        .msg(branch())
        .do_and_submit(prepared(), &bank, async |tx| {
            debit(tx).await?;
            let ignored = sqlx::query("UPDATE nowhere SET x = 1").execute(&mut *tx).await;
            assert!(ignored.is_err());
            Ok::<_, sqlx::Error>(())
        })
        .await;
    let error = result.unwrap_err();
    assert!(matches!(error, NotDone::NotCommitted(CommitError::Failed(_))), "{error:?}");
    let cause = error.source().and_then(Error::source).expect("the error that was ignored");
    assert!(cause.to_string().contains("no such table: nowhere"), "{cause}");
    assert_eq!(coordinator.calls(), "prepare abort");
    assert_eq!(bank.balance().await, 1000);
}

type Told = Result<Done<&'static str>, NotDone<sqlx::Error>>;

/// In one word, what a repetition was told.
fn told(result: &Told) -> &'static str {
    match result {
        Ok(Done::Submitted { .. } | Done::Committed { .. }) => "done now",
        Ok(Done::Repeated { finished: false, .. }) => "repeated",
        Ok(Done::Repeated { finished: true, .. }) => "repeated, finished",
        Ok(Done::Stopped { value: None, .. }) => "stopped",
        Ok(Done::Stopped { value: Some(_), .. }) => "stopped now",
        Ok(Done::EndedEarly { .. }) => "ended early",
        Ok(Done::Unknown { .. }) => "unknown",
        Err(NotDone::NotStarted(NotStarted::Coordinator(_))) => "not started",
        Err(NotDone::GivenUp { .. }) => "given up",
        Err(NotDone::OtherMessage { .. }) => "another message",
        Err(error) => panic!("{error:?}"),
    }
}

#[tokio::test]
async fn a_repetition_after_a_commit_is_reported_as_such_whatever_the_coordinator_says() {
    let dir = tempfile::tempdir().unwrap();
    let bank = Bank::open(&dir).await;
    let gid = Gid::new("order-1").unwrap();
    let (client, _) = Scripted::client(&[("submit", 0, ""), ("query", 200, PREPARED)]);
    let first = client.msg(branch()).gid(gid.clone()).do_and_submit(prepared(), &bank, debit).await.unwrap();
    assert!(matches!(first, Done::Committed { .. }));
    for (answers, expected) in [
        // Still prepared: the first call has not submitted yet.
        (vec![("query", 200, PREPARED)], "repeated"),
        (vec![("query", 0, "")], "repeated"),
        (vec![("query", 200, SUBMITTED)], "repeated"),
        (vec![("prepare", 409, REFUSED), ("query", 200, SUBMITTED)], "repeated"),
        (vec![("prepare", 409, REFUSED), ("query", 200, SUCCEED)], "repeated, finished"),
        (vec![("prepare", 409, REFUSED), ("query", 503, "")], "repeated"),
        (vec![("prepare", 409, REFUSED), ("query", 200, NOTHING_THERE)], "repeated"),
        (vec![("prepare", 409, REFUSED), ("query", 200, FAILED)], "stopped"),
        (vec![("prepare", 409, REFUSED), ("query", 200, ANOTHER)], "another message"),
        // The coordinator is down: the barrier row is enough.
        (vec![("prepare", 1, ""), ("query", 1, "")], "repeated"),
        (vec![("prepare", 0, ""), ("query", 0, "")], "repeated"),
    ] {
        let (client, coordinator) = Scripted::client(&answers);
        let again = client.msg(branch()).gid(gid.clone()).do_and_submit(prepared(), &bank, debit).await;
        assert_eq!(told(&again), expected, "{answers:?}");
        assert_eq!(coordinator.calls(), "prepare query", "an abort would undo the promise of the first");
    }
    assert_eq!(bank.balance().await, 970);
}

#[tokio::test]
async fn a_repetition_of_a_given_up_message_is_never_reported_as_done() {
    let dir = tempfile::tempdir().unwrap();
    let bank = Bank::open(&dir).await;
    let gid = Gid::random();
    assert_eq!(barrier::query_prepared(&bank, &gid).await.unwrap(), Prepared::RolledBack);
    for answers in [vec![], vec![("prepare", 409, REFUSED)], vec![("prepare", 1, "")], vec![("query", 200, SUCCEED)]] {
        let (client, coordinator) = Scripted::client(&answers);
        let again = client.msg(branch()).gid(gid.clone()).do_and_submit(prepared(), &bank, debit).await;
        assert_eq!(told(&again), "given up", "{answers:?}");
        assert!(!again.unwrap_err().may_retry_same_gid());
        assert_eq!(coordinator.calls(), "prepare");
    }
    assert_eq!(bank.balance().await, 1000);
}

#[tokio::test]
async fn an_order_that_was_refused_is_given_up_under_its_gid_and_can_be_made_under_the_next() {
    let dir = tempfile::tempdir().unwrap();
    let bank = Bank::open(&dir).await;
    let (client, _) = Scripted::client(&[]);
    let gid = |attempt: u32| Gid::new(format!("order-7-{attempt}")).unwrap();
    let refused = client.msg(branch()).gid(gid(1)).do_and_submit(prepared(), &bank, async |_| Err::<(), _>("no money"));
    assert!(matches!(refused.await, Err(NotDone::RolledBack("no money"))));
    let again = client.msg(branch()).gid(gid(1)).do_and_submit(prepared(), &bank, debit).await;
    assert_eq!(told(&again), "given up");
    let next = client.msg(branch()).gid(gid(2)).do_and_submit(prepared(), &bank, debit).await;
    assert_eq!(told(&next), "done now");
    assert_eq!(bank.balance().await, 970);
}

#[tokio::test]
async fn where_the_barrier_has_no_row_the_coordinators_status_tells() {
    let dir = tempfile::tempdir().unwrap();
    let bank = Bank::open(&dir).await;
    for (status, expected) in [
        (SUBMITTED, "repeated"),
        (SUCCEED, "repeated, finished"),
        (FAILED, "given up"),
        (FAILED_HALF_WAY, "stopped"),
        (ANOTHER, "another message"),
        (NOTHING_THERE, "not started"),
        (PREPARED, "not started"),
        ("<html>", "unknown"),
    ] {
        let (client, _) = Scripted::client(&[("prepare", 409, REFUSED), ("query", 200, status)]);
        let result = client.msg(branch()).do_and_submit(prepared(), &bank, debit).await;
        assert_eq!(told(&result), expected, "{status}");
    }
    assert_eq!(bank.balance().await, 1000, "the business has not run");
}

#[tokio::test]
async fn a_submit_alone_with_a_used_gid_gets_the_true_outcome() {
    for (status, expected) in [
        (SUBMITTED, "done now"),
        (SUCCEED, "repeated, finished"),
        (FAILED, "given up"),
        (FAILED_HALF_WAY, "stopped"),
        (STOPPED, "stopped"),
        (ANOTHER, "another message"),
        (NOTHING_THERE, "not started"),
        ("<html>", "unknown"),
    ] {
        let (client, _) = Scripted::client(&[("submit", 409, REFUSED), ("query", 200, status)]);
        let result = client.msg(branch()).submit().await;
        let as_word = match result {
            Ok(Done::Submitted { .. }) => "done now",
            Ok(Done::Repeated { finished: true, .. }) => "repeated, finished",
            Ok(Done::Stopped { value: None, .. }) => "stopped",
            Ok(Done::Unknown { .. }) => "unknown",
            Err(NotDone::GivenUp { .. }) => "given up",
            Err(NotDone::OtherMessage { .. }) => "another message",
            Err(NotDone::NotStarted(_)) => "not started",
            other => panic!("{other:?}"),
        };
        assert_eq!(as_word, expected, "{status}");
    }
}

#[tokio::test]
async fn a_coordinator_that_does_not_compare_is_asked_before_the_business_runs() {
    let dir = tempfile::tempdir().unwrap();
    let bank = Bank::open(&dir).await;
    let told_by_dtm = async |answers: &[_], gid: Option<Gid>| {
        let (client, coordinator) = Scripted::client_of(answers, None);
        let message = client.msg(branch());
        let message = if let Some(gid) = gid { message.gid(gid) } else { message };
        let result = message.do_and_submit(prepared(), &bank, debit).await;
        (told(&result), coordinator.calls())
    };
    // It has acknowledged the prepare, and has another message under this gid, which was prepared by a sender that died.
    for (answer, expected, calls) in [
        ((200, OTHER_PREPARED), "another message", "prepare query"),
        ((200, SUCCEED_AS_SAGA), "another message", "prepare query"),
        ((200, PREPARED), "done now", "prepare query submit"),
        ((0, ""), "not started", "prepare query"),
    ] {
        let was = told_by_dtm(&[("query", answer.0, answer.1)], Some(Gid::random())).await;
        assert_eq!(was, (expected, calls.to_owned()), "{answer:?}");
    }
    // Nobody else has a gid by chance.
    assert_eq!(told_by_dtm(&[], None).await, ("done now", "prepare submit".to_owned()));
    assert_eq!(bank.balance().await, 1000 - 60);
}

#[tokio::test]
async fn a_submit_alone_under_the_gid_of_another_message_is_not_sent_to_a_coordinator_that_does_not_compare() {
    let submit = async |client: &Client, gid: Gid| client.msg(branch()).gid(gid).submit().await;
    let (client, coordinator) = Scripted::client_of(&[("query", 200, ANOTHER)], None);
    let told = submit(&client, Gid::random()).await;
    assert!(matches!(told, Err(NotDone::OtherMessage { .. })), "{told:?}");
    assert_eq!(coordinator.calls(), "query");
    // One that compares is asked only as long as it has not shown that it does.
    let (client, coordinator) = Scripted::client_of(&[("query", 200, NOTHING_THERE)], Some(GID_IS_KNOWN));
    for _ in 0..2 {
        let told = submit(&client, Gid::random()).await;
        assert!(matches!(told, Ok(Done::Repeated { finished: false, .. })), "{told:?}");
    }
    assert_eq!(coordinator.calls(), "query submit submit");
}

#[tokio::test]
async fn what_the_coordinator_shows_as_failed_is_given_up_by_a_barrier_row_before_that_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let bank = Bank::open(&dir).await;
    let gid = Gid::random();
    let (client, _) = Scripted::client(&[("prepare", 409, REFUSED), ("query", 200, FAILED)]);
    let result = client.msg(branch()).gid(gid.clone()).do_and_submit(prepared(), &bank, debit).await;
    assert_eq!(told(&result), "given up");
    // A call that was prepared before, and begins its transaction only now, cannot commit.
    assert_eq!(barrier::decided(&bank, &gid).await.unwrap(), Some(Prepared::RolledBack));
}

#[tokio::test]
async fn a_barrier_row_locked_by_another_call_means_in_progress() {
    let dir = tempfile::tempdir().unwrap();
    let bank = Bank::open(&dir).await;
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(dir.path().join("bank.db"));
    let other = SqlitePool::connect_with(options.clone()).await.unwrap();
    let impatient = Bank(SqlitePool::connect_with(options.busy_timeout(std::time::Duration::ZERO)).await.unwrap());
    let held = other.begin_with("BEGIN IMMEDIATE").await.unwrap();
    let (client, coordinator) = Scripted::client(&[]);
    let result = client.msg(branch()).do_and_submit(prepared(), &impatient, debit).await;
    let Err(error @ NotDone::InProgress { .. }) = result else { panic!("{result:?}") };
    assert!(error.may_retry_same_gid());
    assert_eq!(coordinator.calls(), "prepare");
    drop(held);
    assert_eq!(bank.balance().await, 1000);
}

async fn fails(tx: &mut Tx<Bank>) -> Result<(), sqlx::Error> {
    sqlx::query("INSERT INTO nowhere VALUES (1)").execute(&mut *tx).await?;
    Ok(())
}

/// The texts of an error and its causes, as `anyhow` and our logs show them.
fn chain(error: &dyn std::error::Error) -> Vec<String> {
    let mut texts = vec![error.to_string()];
    let mut cause = error.source();
    while let Some(error) = cause {
        texts.push(error.to_string());
        cause = error.source();
    }
    texts
}

#[tokio::test]
async fn f20_the_businesss_own_error_is_the_source() {
    let dir = tempfile::tempdir().unwrap();
    let bank = Bank::open(&dir).await;
    let (client, _) = Scripted::client(&[]);
    let error = client.msg(branch()).do_and_submit(prepared(), &bank, fails).await.unwrap_err();
    let chain = chain(&error);
    assert_eq!(chain.len(), 3, "ours, that of sqlx, that of SQLite: {chain:?}");
    assert!(chain[2].contains("no such table: nowhere"), "{chain:?}");

    let message = client.msg(branch());
    let refused = message.do_and_submit(prepared(), &bank, async |_| Err::<(), _>(crate::Retry::new("later"))).await;
    let error = refused.unwrap_err();
    assert_eq!(self::chain(&error), ["the business refused: rolled back", "later"]);
}

/// Each cause says something new: a message that repeats its source is printed twice by everybody.
#[tokio::test]
async fn f20_no_error_of_ours_repeats_its_source_or_drops_it() {
    let (client, _) = Scripted::client(&[("submit", 404, "")]);
    let error = client.msg(branch()).submit().await.unwrap_err();
    assert_eq!(
        chain(&error),
        ["the message was not started", "the coordinator did not accept the message", "the coordinator answered 404: "]
    );
    let error = client.msg(MsgBranch::with_payload(&service(), "/in", &f64::NAN)).submit().await.unwrap_err();
    assert_eq!(
        chain(&error),
        [
            "the message was not started",
            "the payload of branch 1 cannot be sent",
            "a float in it is NaN or infinite, and JSON has no such number"
        ]
    );
}

#[tokio::test]
async fn f08_a_float_that_json_cannot_say_is_refused_before_anything_is_sent() {
    let (client, coordinator) = Scripted::client(&[]);
    for odd in [
        MsgBranch::with_payload(&service(), "/in", &f64::NAN),
        MsgBranch::with_payload(&service(), "/in", &Some(f32::INFINITY)),
        MsgBranch::with_payload(&service(), "/in", &vec![(1, f64::NEG_INFINITY)]),
        MsgBranch::url("http://elsewhere/in", &f64::NAN).unwrap(),
        MsgBranch::topic("rates", &f64::NAN),
    ] {
        let result = client.msg(branch()).add(odd).submit().await;
        let Err(NotDone::NotStarted(NotStarted::Payload { number: 2, source: PayloadError::NotFinite })) = result
        else {
            panic!("{result:?}")
        };
    }
    assert_eq!(coordinator.calls(), "");
    let none: Option<f64> = None;
    let fine = client.msg(MsgBranch::with_payload(&service(), "/in", &none)).submit().await;
    assert!(fine.is_ok(), "`None` is meant to be `null`");
}

#[tokio::test]
async fn f09_a_payload_that_is_longer_than_a_branch_reads_is_refused_before_anything_is_sent() {
    let (client, coordinator) = Scripted::client(&[]);
    // The two quotation marks count as well.
    let longest = "x".repeat(PAYLOAD_BYTES_MAX - 2);
    assert!(client.msg(MsgBranch::with_payload(&service(), "/in", &longest)).submit().await.is_ok());
    let calls = coordinator.calls();
    let longer = longest + "x";
    let result = client.msg(MsgBranch::with_payload(&service(), "/in", &longer)).submit().await;
    let Err(NotDone::NotStarted(NotStarted::Payload { source: PayloadError::TooLong { bytes, .. }, .. })) = result
    else {
        panic!("{result:?}")
    };
    assert_eq!(bytes, PAYLOAD_BYTES_MAX + 1);
    assert_eq!(coordinator.calls(), calls);
    let raised = client.payload_bytes_max(2 * PAYLOAD_BYTES_MAX);
    assert!(raised.msg(MsgBranch::with_payload(&service(), "/in", &longer)).submit().await.is_ok());
    let foreign = MsgBranch::url("http://elsewhere/in", &longer).unwrap();
    assert!(Scripted::client(&[]).0.msg(foreign).submit().await.is_ok(), "its limit is not known here");
}

#[tokio::test]
async fn f10_a_float_arrives_as_it_was() {
    use crate::Payload;
    for float in [0.921_568_632_125_854_5, 117.633_311_394_000_17, 10_587.436_593_658_975, f64::MIN_POSITIVE, 5e-324] {
        let payload = MsgBranch::with_payload(&service(), "/in", &float).into_payload(PAYLOAD_BYTES_MAX).unwrap();
        assert_eq!(f64::from_json(payload.as_bytes()).unwrap().to_bits(), float.to_bits());
    }
}

#[tokio::test]
async fn f11_a_submit_that_got_a_clear_no_is_not_started() {
    for status in [301, 308, 400, 401, 403, 404, 405, 413, 415, 429, 501, 503] {
        let (client, coordinator) = Scripted::client(&[("submit", status, ""), ("query", status, "")]);
        let result = client.msg(branch()).submit().await;
        assert!(matches!(result, Err(NotDone::NotStarted(NotStarted::Coordinator(_)))), "{status}: {result:?}");
        assert_eq!(coordinator.calls(), "submit query", "a proxy may have repeated it");
    }
    for status in [408, 500, 502, 504] {
        let (client, _) = Scripted::client(&[("submit", status, ""), ("query", status, "")]);
        assert!(matches!(client.msg(branch()).submit().await, Ok(Done::Unknown { .. })), "{status}");
    }
}

#[tokio::test]
async fn an_invalid_json_payload_is_refused_before_anything_is_sent() {
    let (client, coordinator) = Scripted::client(&[]);
    let odd = std::collections::HashMap::from([((1, 2), 3)]);
    let odd = MsgBranch::with_payload(&service(), "/in", &odd);
    let result = client.msg(branch()).add_all(None).add(branch()).add_all([odd]).submit().await;
    let Err(NotDone::NotStarted(NotStarted::Payload { number: 3, source: PayloadError::NotJson(_) })) = result else {
        panic!("{result:?}")
    };
    assert_eq!(coordinator.calls(), "");
}

#[tokio::test]
async fn a_submit_without_an_answer_is_unknown_and_one_that_was_not_sent_is_not_started() {
    let (client, _) = Scripted::client(&[("submit", 0, ""), ("query", 0, "")]);
    assert!(matches!(client.msg(branch()).submit().await, Ok(Done::Unknown { .. })));
    // Not there yet: it may still come.
    for status in [0, 502, 504] {
        let (client, _) = Scripted::client(&[("submit", status, ""), ("query", 200, NOTHING_THERE)]);
        assert!(matches!(client.msg(branch()).submit().await, Ok(Done::Unknown { .. })), "{status}");
    }
    let (client, _) = Scripted::client(&[("submit", 500, ""), ("query", 200, NOTHING_THERE)]);
    assert!(matches!(client.msg(branch()).submit().await, Err(NotDone::NotStarted(_))));
    let (client, _) = Scripted::client(&[("submit", 1, "")]);
    assert!(matches!(client.msg(branch()).submit().await, Err(NotDone::NotStarted(_))));
    let (client, _) = Scripted::client(&[]);
    let done = client.msg(branch()).wait_result().submit().await;
    assert!(matches!(done, Ok(Done::Submitted { finished: true, .. })));
}

/// Compiles only if the future can be sent between threads, as axum wants it.
#[tokio::test]
async fn a_message_can_be_sent_from_a_spawned_task() {
    let dir = tempfile::tempdir().unwrap();
    let bank = Bank::open(&dir).await;
    let (client, _) = Scripted::client(&[]);
    let task = tokio::spawn(async move {
        let amount = 30_i64;
        let done = client.msg(branch()).do_and_submit(prepared(), &bank, async |tx| {
            sqlx::query("UPDATE account SET balance = balance - ?").bind(amount).execute(&mut *tx).await?;
            Ok::<_, sqlx::Error>(())
        });
        done.await.is_ok()
    });
    assert!(task.await.unwrap());
}
