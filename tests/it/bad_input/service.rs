//! A service's routes: one of the fixed replies, and no row and no balance changed.

use axum::body::Body;
use axum::http::Request;
use branchwire::Reply;
use branchwire::protocol::Gid;
use branchwire_tests::bank::{ACCOUNT, Bank, BankDriver};
use branchwire_tests::service::Service;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use sqlx::Sqlite;
use tokio::runtime::Runtime;
use url::form_urlencoded;

use super::corpus;

async fn bank_and_service() -> (Bank<Sqlite>, Service) {
    let bank = Bank::open().await.expect("SQLite is always there");
    let service =
        Service::new(&bank, |tx, amount| Box::pin(async move { Ok(Sqlite::credit(tx, ACCOUNT, amount).await?) }));
    (bank, service)
}

/// All rows of the barrier table.
async fn barrier_rows(bank: &Bank<Sqlite>) -> i64 {
    let pool = branchwire::Database::pool(bank);
    sqlx::query_scalar("SELECT COUNT(*) FROM dtm_barrier_barrier").fetch_one(pool).await.expect("a number")
}

async fn post(service: &Service, uri: &str, body: Vec<u8>) -> Reply {
    service.send(Request::post(uri).body(Body::from(body)).expect("a request")).await
}

#[tokio::test]
async fn every_body_of_the_corpus_is_answered() {
    let (bank, service) = bank_and_service().await;
    for (what, body) in corpus::bodies() {
        let uri = format!("/branch?gid={}&trans_type=msg&branch_id=01&op=action", Gid::random());
        let reply = post(&service, &uri, body).await;
        let expected: &[Reply] = match what {
            "a number" => &[Reply::Success],
            _ => &[Reply::BadPayload, Reply::TooLong],
        };
        assert!(expected.contains(&reply), "{what}: {reply:?}");
    }
    assert_eq!((bank.balance(ACCOUNT).await, barrier_rows(&bank).await), (7, 1));
}

#[tokio::test]
async fn every_name_of_the_corpus_is_answered() {
    let (bank, service) = bank_and_service().await;
    let good = [("gid", "good"), ("trans_type", "msg"), ("branch_id", "01"), ("op", "action")];
    for name in corpus::names() {
        for parameter in good.map(|(parameter, _)| parameter) {
            let pairs = good.map(|(key, value)| (key, if key == parameter { name.as_str() } else { value }));
            let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
            if query.len() < 60_000
                && post(&service, &format!("/branch?{query}"), b"30".to_vec()).await == Reply::Success
            {
                assert!(Gid::new(name.as_str()).is_ok() || parameter == "branch_id", "{parameter} {name}");
            }
        }
    }
    // Each accepted call was applied once, with its row.
    assert_eq!(bank.balance(ACCOUNT).await, 30 * barrier_rows(&bank).await);
}

#[tokio::test]
async fn an_invalid_query_gets_a_fixed_reply() {
    let (bank, service) = bank_and_service().await;
    let good = "gid=g&trans_type=msg&branch_id=01&op=action";
    for query in [
        "",
        "gid",
        "gid=g",
        "&&&&",
        "gid=%ff&trans_type=msg&branch_id=01&op=action",
        "gid=%00&trans_type=msg&branch_id=01&op=action",
        "gid=g&gid=h&trans_type=msg&branch_id=01&op=action",
        "GID=g&TRANS_TYPE=msg&BRANCH_ID=01&OP=action",
        "gid=g&trans_type=saga&branch_id=01&op=compensate",
        "gid=g&trans_type=msg&branch_id=01&op=cancel",
        "gid=g&trans_type=msg&branch_id=01&op=rollback",
        "gid=g&trans_type=msg&branch_id=01&op=Action",
        "gid=g&trans_type=workflow&branch_id=00&op=buy%402",
    ] {
        assert_eq!(post(&service, &format!("/branch?{query}"), b"30".to_vec()).await, Reply::BadCall, "{query}");
    }
    let prepared = Request::get(format!("/prepared?{good}")).body(Body::empty()).expect("a request");
    assert_eq!(service.send(prepared).await, Reply::BadCall);
    assert_eq!((bank.balance(ACCOUNT).await, barrier_rows(&bank).await), (0, 0));
}

#[test]
fn any_query_and_body_are_answered() {
    let runtime = Runtime::new().expect("a runtime");
    let (bank, service) = runtime.block_on(bank_and_service());
    let mut runner = TestRunner::new(Config { failure_persistence: None, ..Config::with_cases(500) });
    let inputs = ("[ -~]{0,60}", prop::collection::vec(any::<u8>(), 0..40));
    let result = runner.run(&inputs, |(query, body)| {
        if let Ok(request) = Request::post(format!("/branch?{query}")).body(Body::from(body)) {
            runtime.block_on(service.send(request));
        }
        Ok(())
    });
    result.unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(runtime.block_on(bank.balance(ACCOUNT)), 0);
}
