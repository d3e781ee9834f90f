//! Bytes that are not HTTP, or that some parsers read as one request and others as two.

use std::time::Duration;

use axum::Router;
use branchwire_coordinator::Coordinator;
use branchwire_tests::database::TestDatabase;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::coordinator::Running;

/// A request that must never be carried out: it hides in the body of another.
const HIDDEN: &str = "POST /api/dtmsvr/prepare HTTP/1.1\r\nHost: a\r\nContent-Length: 48\r\n\r\n\
    {\"gid\":\"smuggled\",\"trans_type\":\"msg\",\"steps\":[]}";

/// Sends bytes, and disconnects when no more response comes for a while; returns the response.
async fn exchange(address: &str, bytes: &[u8]) -> String {
    const PATIENCE: Duration = Duration::from_millis(500);
    let mut stream = TcpStream::connect(address).await.expect("a connection");
    // A server may close before it has read all: then the rest cannot be written.
    let _ = stream.write_all(bytes).await;
    let mut answer = Vec::new();
    let _ = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut answer)).await;
    let _ = stream.shutdown().await;
    let end = tokio::time::timeout(20 * PATIENCE, stream.read_to_end(&mut answer)).await;
    assert!(end.is_ok(), "a connection stays open after {:.80}", String::from_utf8_lossy(bytes));
    String::from_utf8_lossy(&answer).into_owned()
}

/// Requests that must be refused as a whole: at most one response, and not a success.
fn refused(path: &str) -> Vec<Vec<u8>> {
    let long = "a".repeat(200_000);
    let many = "x: 1\r\n".repeat(300);
    let zero = format!("POST {path} HTTP/1.1\r\nHost: a\r\n");
    [
        "\0\0\0\0".to_owned(),
        "\u{16}\u{3}\u{1}\u{2}".to_owned(),
        "GET\r\n\r\n".to_owned(),
        format!("GET {path}\r\n\r\n"),
        format!("GET {path} HTTP/9.9\r\n\r\n"),
        format!("G\u{7f}T {path} HTTP/1.1\r\nHost: a\r\n\r\n"),
        format!("GET {path}/{long} HTTP/1.1\r\nHost: a\r\n\r\n"),
        format!("GET {path} HTTP/1.1\r\nHost: a\r\n{many}\r\n"),
        format!("GET {path} HTTP/1.1\r\nHost: a\r\nx: a\0b\r\n\r\n"),
        format!("GET {path} HTTP/1.1\r\nHost: a\r\nx : a\r\n\r\n"),
        format!("GET {path} HTTP/1.1\r\nHost: a\r\n x: folded\r\n\r\n"),
        format!("{zero}Content-Length: -1\r\n\r\n{HIDDEN}"),
        format!("{zero}Content-Length: 18446744073709551616\r\n\r\n{HIDDEN}"),
        format!("{zero}Content-Length: 0\r\nContent-Length: 5\r\n\r\n{HIDDEN}"),
        format!("{zero}Content-Length: 0, 5\r\n\r\n{HIDDEN}"),
        format!("{zero}Content-Length: +0\r\n\r\n{HIDDEN}"),
        format!("{zero}Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n{HIDDEN}"),
        format!("{zero}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n{HIDDEN}"),
        format!("{zero}Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n{HIDDEN}"),
        format!("{zero}Transfer-Encoding: chunked\r\n\r\nzz\r\n{HIDDEN}"),
        format!("{zero}Content-Length: 1000\r\n\r\n{{\"gid\":\"half\",\"trans_type\":\"msg\"}}"),
    ]
    .map(String::into_bytes)
    .into()
}

async fn refuses(address: &str, path: &str) {
    for bytes in refused(path) {
        let answer = exchange(address, &bytes).await;
        let shown = format!("{:.120} -> {answer:.300}", String::from_utf8_lossy(&bytes));
        assert!(answer.matches("HTTP/1.1 ").count() <= 1, "{shown}");
        assert!(!answer.starts_with("HTTP/1.1 200"), "{shown}");
    }
    // Both lengths are given: the chunks count, and the connection must close, since another parser may use the other
    // length.
    let both = format!(
        "POST {path} HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{HIDDEN}",
        HIDDEN.len() + 5
    );
    let answer = exchange(address, both.as_bytes()).await;
    assert!(answer.matches("HTTP/1.1 ").count() <= 1, "{answer}");
}

#[tokio::test]
async fn a_coordinator_is_not_misled() {
    let database = TestDatabase::sqlite();
    let coordinator = Running::start(Coordinator::builder().store(database.url())).await;
    let address = coordinator.url.strip_prefix("http://").expect("an address").to_owned();
    refuses(&address, "/api/dtmsvr/prepare").await;
    assert!(coordinator.query("smuggled").await["transaction"].is_null());
    assert!(coordinator.query("half").await["transaction"].is_null());
    let hidden = exchange(&address, HIDDEN.as_bytes()).await;
    assert!(hidden.starts_with("HTTP/1.1 200"), "what is hidden would be carried out if it were seen: {hidden}");
    coordinator.stop().await;
}

#[tokio::test]
async fn a_service_is_not_misled() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("its address").to_string();
    let bank = branchwire_tests::bank::Bank::<sqlx::Sqlite>::open().await.expect("SQLite is always there");
    let service = branchwire_tests::service::Service::new(&bank, |_, _| Box::pin(async { Ok(()) }));
    let router: Router = service.router();
    tokio::spawn(axum::serve(listener, router).into_future());
    refuses(&address, "/branch").await;
}
