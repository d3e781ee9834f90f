//! The export of spans, from the program to a collector.

use std::process::Command;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::http::HeaderMap;
use axum::routing::post;
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use super::program::{Serving, ends, program};
use super::{gid, message};

/// A collector, which gives the bodies that it was sent.
async fn collector() -> (String, mpsc::UnboundedReceiver<(HeaderMap, Bytes)>) {
    let (sender, received) = mpsc::unbounded_channel();
    let take = move |headers: HeaderMap, body: Bytes| {
        sender.send((headers, body)).expect("the test reads it");
        async {}
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("its address"));
    tokio::spawn(axum::serve(listener, Router::new().route("/v1/traces", post(take))).into_future());
    (url, received)
}

fn contains(body: &[u8], text: &str) -> bool {
    body.windows(text.len()).any(|part| part == text.as_bytes())
}

/// Submits a message whose branch nobody answers, and ends the program by SIGTERM.
async fn ended_after_a_message(mut serving: Serving) -> String {
    let gid = gid();
    let message = message(&gid, &["http://127.0.0.1:1/in".to_owned()]).to_string();
    let submit = reqwest::Client::new().post(format!("{}/api/dtmsvr/submit", serving.url)).body(message);
    assert!(submit.send().await.unwrap().status().is_success());
    let id = serving.child.id().to_string();
    assert!(Command::new("kill").args(["-s", "TERM", &id]).status().unwrap().success());
    let ended = tokio::task::spawn_blocking(move || serving.child.wait()).await.unwrap().unwrap();
    assert!(ended.success(), "{ended}");
    gid
}

#[tokio::test]
async fn the_spans_are_with_the_collector_when_the_program_has_ended() {
    let (url, mut received) = collector().await;
    let directory = tempfile::tempdir().unwrap();
    let mut command = program(&directory);
    command.args(["--listen=127.0.0.1:0", "--log=warn", &format!("--otlp-endpoint={url}")]);
    // A batch would be sent after an hour: only the end sends it now.
    command.env("OTEL_BSP_SCHEDULE_DELAY", "3600000").env("OTEL_EXPORTER_OTLP_HEADERS", "x-token=secret");
    let gid = ended_after_a_message(Serving::start(&mut command)).await;
    let (headers, body) = received.recv().await.expect("spans");
    assert_eq!(headers["content-type"], "application/x-protobuf");
    assert_eq!(headers["x-token"], "secret");
    for text in ["submit", "branchwire", env!("CARGO_PKG_VERSION"), &gid] {
        assert!(contains(&body, text), "{text}: {}", String::from_utf8_lossy(&body));
    }
}

#[tokio::test]
async fn opentelemetrys_own_variables_are_enough_and_one_of_them_switches_it_off() {
    let (url, mut received) = collector().await;
    let directory = tempfile::tempdir().unwrap();
    let mut command = program(&directory);
    command.args(["--listen=127.0.0.1:0", "--log=warn"]).env("OTEL_EXPORTER_OTLP_ENDPOINT", &url);
    command.env("OTEL_SERVICE_NAME", "coordinator-7");
    let _ = ended_after_a_message(Serving::start(command.env("OTEL_SDK_DISABLED", "true"))).await;
    assert!(received.try_recv().is_err(), "it is switched off");
    let gid = ended_after_a_message(Serving::start(command.env("OTEL_SDK_DISABLED", "false"))).await;
    let (_, body) = received.recv().await.expect("spans");
    assert!(contains(&body, &gid) && contains(&body, "coordinator-7"), "{}", String::from_utf8_lossy(&body));
}

#[tokio::test]
async fn a_collector_that_is_away_holds_nothing_up() {
    let directory = tempfile::tempdir().unwrap();
    let mut command = program(&directory);
    command.args(["--listen=127.0.0.1:0", "--log=off", "--otlp-endpoint=http://127.0.0.1:1"]);
    let serving = Serving::start(&mut command);
    let ended = tokio::time::timeout(Duration::from_secs(20), ended_after_a_message(serving));
    ended.await.expect("it ends");
}

#[test]
fn a_collectors_address_is_checked_and_shown_without_secrets() {
    let directory = tempfile::tempdir().unwrap();
    let (code, said) = ends(program(&directory).arg("--otlp-endpoint=collector:4318"));
    assert!(code == Some(2) && said.contains("expected an address such as `http://localhost:4318`"), "{said}");
    let file = "otlp-endpoint = 'http://u:hunter2@collector:4318'\n";
    std::fs::write(directory.path().join("options.toml"), file).unwrap();
    let mut command = program(&directory);
    command.args(["config", "--config=options.toml"]).env("OTEL_EXPORTER_OTLP_HEADERS", "x-token=hunter2");
    let (code, said) = ends(&mut command);
    assert_eq!(code, Some(0), "{said}");
    for line in [
        "otlp-endpoint = \"http://collector:4318/\"  # file options.toml, line 1",
        "# otlp-service-name is not set",
        "# OTEL_EXPORTER_OTLP_HEADERS is set in the environment; its value is hidden",
    ] {
        assert!(said.lines().any(|said| said == line), "{line}: {said}");
    }
    assert!(!said.contains("hunter2"), "{said}");
}
