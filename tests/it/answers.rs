//! Whatever goes wrong, and whatever the error says, an answer is one of the fixed ones.
//!
//! A coordinator searches the body of an answer for words. So a text from outside in the body could turn a committed
//! transaction into a refused one. The tests read a [`Reply`] from each answer, which fails for any other body.

use axum::Router;
use axum::body::Body;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{Request, StatusCode};
use branchwire::{BranchRouter, Gid, OrRefuse, OrRetry, Prepared, Reply, Retry, Tx, msg_branch, query_prepared};
use branchwire_tests::bank::{ACCOUNT, Bank, BankDriver};
use branchwire_tests::service::Service;
use serde::de::Error;
use serde::{Deserialize, Deserializer};
use sqlx::Sqlite;
use tower::ServiceExt;

/// Texts that a coordinator would misread as an outcome.
const TEXTS: [&str; 4] = ["FAILURE", "... ONGOING ...", r#"{"dtm_result":"SUCCESS"}"#, "FAILURE and ONGOING"];

async fn bank() -> Bank<Sqlite> {
    Bank::open().await.expect("SQLite is always there")
}

/// A call of `path`, with this query and body.
fn call(path: &str, query: &str, body: &'static str) -> Request<Body> {
    let method = if body.is_empty() { "GET" } else { "POST" };
    Request::builder().method(method).uri(format!("{path}?{query}")).body(Body::from(body)).unwrap()
}

/// The query of a good call of a branch.
fn branch_query() -> String {
    format!("gid={}&trans_type=msg&branch_id=01&op=action", Gid::random())
}

#[tokio::test]
async fn the_errors_of_a_business_do_not_show() {
    let bank = bank().await;
    for text in TEXTS {
        let retries = Service::new(&bank, move |_, _| Box::pin(async move { Ok(Err(text).or_retry()?) }));
        assert_eq!(retries.call(&Gid::random(), 30).await, Reply::Retry);
        let refuses = Service::new(&bank, move |_, _| Box::pin(async move { None.or_refuse(text) }));
        assert_eq!(refuses.call(&Gid::random(), 30).await, Reply::Refused);
        let refuses = Service::new(&bank, move |_, _| Box::pin(async move { Err(text).or_refuse(text) }));
        assert_eq!(refuses.call(&Gid::random(), 30).await, Reply::Refused);
        let panics = Service::new(&bank, move |_, _| Box::pin(async move { panic!("{text}") }));
        assert_eq!(panics.call(&Gid::random(), 30).await, Reply::Retry);
    }
}

#[tokio::test]
async fn the_errors_of_a_database_do_not_show() {
    let bank = bank().await;
    for sql in ["INSERT INTO FAILURE VALUES (1)", "SELECT ONGOING", "SELECT 'FAILURE", "COMMIT /* FAILURE */"] {
        let ignores = Service::new(&bank, move |tx, amount| {
            Box::pin(async move {
                Sqlite::credit(tx, ACCOUNT, amount).await?;
                Sqlite::execute(tx, sql).await.unwrap_err();
                Ok(())
            })
        });
        assert_eq!(ignores.call(&Gid::random(), 30).await, Reply::Retry);
        let returns = Service::new(&bank, move |tx, _| Box::pin(async move { Ok(Sqlite::execute(tx, sql).await?) }));
        assert_eq!(returns.call(&Gid::random(), 30).await, Reply::Retry);
    }

    // An error in the barrier's own statements.
    let sql = "CREATE TRIGGER refuse BEFORE INSERT ON dtm_barrier_barrier BEGIN SELECT RAISE(ABORT, 'FAILURE'); END";
    Sqlite::execute_outside(branchwire::Database::pool(&bank), sql).await.unwrap();
    let service = Service::new(&bank, |_, _| Box::pin(async { Ok(()) }));
    assert_eq!(service.call(&Gid::random(), 30).await, Reply::Retry);
    assert_eq!(service.query_prepared(&Gid::random()).await, Reply::Retry);
}

#[tokio::test]
async fn the_reply_to_an_invalid_call_does_not_contain_its_text() {
    let service = Service::new(&bank().await, |_, _| Box::pin(async { panic!("no such call reaches the business") }));
    let long = "x".repeat(129);
    for query in [
        "",
        "FAILURE",
        "gid=FAILURE",
        "gid=&trans_type=msg&branch_id=01&op=action",
        "gid=FAILURE%20ONGOING&trans_type=msg&branch_id=01&op=action",
        "gid=FAILURE%00&trans_type=msg&branch_id=01&op=action",
        "gid=%ff%fe&trans_type=msg&branch_id=01&op=action",
        "gid=g&gid=FAILURE&trans_type=msg&branch_id=01&op=action",
        "gid=g&trans_type=FAILURE&branch_id=01&op=action",
        "gid=g&trans_type=msg&branch_id=&op=action",
        "gid=g&trans_type=msg&branch_id=01&op=ONGOING",
        "gid=g&trans_type=msg&branch_id=01&op=compensate",
        "gid=g&trans_type=msg&branch_id=01",
        &format!("gid={long}&trans_type=msg&branch_id=01&op=action"),
        &format!("gid=g&trans_type=msg&branch_id={long}&op=action"),
    ] {
        assert_eq!(service.send(call("/branch", query, "30")).await, Reply::BadCall, "{query}");
        let query = query.replace("branch_id=01", "branch_id=00").replace("op=action", "op=msg");
        assert_eq!(service.send(call("/prepared", &query, "")).await, Reply::BadCall, "{query}");
    }
    let query = "gid=g&trans_type=msg&branch_id=01&op=msg";
    assert_eq!(service.send(call("/prepared", query, "")).await, Reply::BadCall);
}

#[tokio::test]
async fn a_payload_that_does_not_parse_is_not_repeated() {
    let service = Service::new(&bank().await, |_, _| Box::pin(async { panic!("no such call reaches the business") }));
    for body in ["", "FAILURE", r#""ONGOING""#, r#"{"FAILURE":1}"#, "30 FAILURE", "\u{0}", "1e999"] {
        assert_eq!(service.send(call("/branch", &branch_query(), body)).await, Reply::BadPayload, "{body:?}");
    }
    let not_text = Request::post(format!("/branch?{}", branch_query())).body(Body::from(vec![0xff, 0xfe])).unwrap();
    assert_eq!(service.send(not_text).await, Reply::BadPayload);
}

#[tokio::test]
async fn a_too_long_payload_and_a_truncated_one_get_different_replies() {
    let service = Service::new(&bank().await, |_, _| Box::pin(async { panic!("no such call reaches the business") }));
    let long =
        Request::post(format!("/branch?{}", branch_query())).body(Body::from("FAILURE".repeat(1 << 20))).unwrap();
    assert_eq!(service.send(long).await, Reply::TooLong);
    let chunks = [Ok("30"), Err(std::io::Error::other("FAILURE"))];
    let broken = Body::from_stream(futures_util::stream::iter(chunks));
    let broken = Request::post(format!("/branch?{}", branch_query())).body(broken).unwrap();
    assert_eq!(service.send(broken).await, Reply::Retry);
}

#[tokio::test]
async fn another_method_is_answered_without_a_body() {
    let service = Service::new(&bank().await, |_, _| Box::pin(async { panic!("no such call reaches the business") }));
    for (method, path) in [("PUT", "/branch"), ("DELETE", "/branch"), ("POST", "/prepared")] {
        let request = Request::builder().method(method).uri(format!("{path}?{}", branch_query()));
        let response = service.respond(request.body(Body::from("FAILURE")).unwrap()).await;
        assert_eq!(response.status(), StatusCode::METHOD_NOT_ALLOWED);
        let body = axum::body::to_bytes(response.into_body(), usize::MAX).await.unwrap();
        assert_eq!(body, "");
    }
}

/// A payload that panics when it is read, or returns a hostile error text.
struct HostilePayload;

impl<'de> Deserialize<'de> for HostilePayload {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match String::deserialize(deserializer)?.as_str() {
            "panic" => panic!("FAILURE"),
            "error" => Err(D::Error::custom("FAILURE")),
            _ => Ok(Self),
        }
    }
}

/// An extractor that sends its own response, or panics, if a header asks it to.
struct HostileExtractor;

impl<S: Sync> FromRequestParts<S> for HostileExtractor {
    type Rejection = (StatusCode, &'static str);

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        match parts.headers.get("extractor").map(|value| value.to_str().unwrap()) {
            Some("panic") => panic!("FAILURE"),
            Some("reject") => Err((StatusCode::CONFLICT, "FAILURE")),
            _ => Ok(Self),
        }
    }
}

/// A branch in which each part can fail with a hostile text: the payload and a header choose the part, and how it
/// fails.
#[msg_branch]
async fn hostile(_: &mut Tx<Bank<Sqlite>>, _: HostileExtractor, _: HostilePayload) -> Result<(), Retry> {
    Ok(())
}

#[query_prepared]
async fn hostile_prepared(_: &Bank<Sqlite>, gid: Gid) -> Result<Prepared, Retry> {
    match gid.as_str() {
        "committed" => Ok(Prepared::Committed),
        "rolled-back" => Ok(Prepared::RolledBack),
        "ongoing" => Ok(Prepared::Ongoing),
        "error" => Err(Retry::new("FAILURE")),
        _ => panic!("FAILURE"),
    }
}

#[tokio::test]
async fn a_payload_and_an_extractor_cannot_answer_themselves() {
    let router = Router::new().branch::<hostile>().with_state(bank().await);
    for (payload, extractor, expected) in [
        (r#""fine""#, "fine", Reply::Success),
        (r#""error""#, "fine", Reply::BadPayload),
        (r#""fine""#, "reject", Reply::Retry),
        (r#""fine""#, "panic", Reply::Retry),
    ] {
        let mut request = call("/hostile", &branch_query(), payload);
        request.headers_mut().insert("extractor", extractor.parse().unwrap());
        let Ok(response) = router.clone().oneshot(request).await;
        assert_eq!(branchwire_tests::service::read(response).await, expected, "{payload} {extractor}");
    }
}

#[tokio::test]
async fn a_query_prepared_of_ones_own_answers_in_the_fixed_words() {
    let router = Router::new().branch::<hostile_prepared>().with_state(bank().await);
    for (gid, expected) in [
        ("committed", Reply::Success),
        ("rolled-back", Reply::Refused),
        ("ongoing", Reply::Ongoing),
        ("error", Reply::Retry),
        ("panic", Reply::Retry),
    ] {
        let request = call("/hostile-prepared", &format!("gid={gid}&trans_type=msg&branch_id=00&op=msg"), "");
        let Ok(response) = router.clone().oneshot(request).await;
        assert_eq!(branchwire_tests::service::read(response).await, expected, "{gid}");
    }
}
