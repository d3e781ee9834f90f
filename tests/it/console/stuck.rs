//! The page "When something is stuck" of the docs: its five cases are made, its commands are run, and the command line and
//! the console must show what the page says.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, Uri};
use branchwire_coordinator::{Clock, Console, Coordinator, docs};
use serde_json::{Value, json};
use sqlx::Connection as _;
use tokio::net::TcpListener;

use crate::coordinator::Running;
use crate::coordinator::program::program;

/// The services of the page.
async fn answer(State(works): State<Arc<AtomicBool>>, uri: Uri) -> (StatusCode, &'static str) {
    match uri.path() {
        "/stock/take" if works.load(Ordering::SeqCst) => (StatusCode::OK, ""),
        "/stock/take" => (StatusCode::INTERNAL_SERVER_ERROR, r#"{"error":"no connection to the database"}"#),
        "/bank/prepared" => (StatusCode::INTERNAL_SERVER_ERROR, ""),
        "/hotel/cancel" => (StatusCode::CONFLICT, "the room is already paid"),
        "/flight/book" => (StatusCode::CONFLICT, ""),
        _ => (StatusCode::OK, ""),
    }
}

/// A coordinator whose clock stands still but where the test moves it, with the five cases of the page.
struct World {
    directory: tempfile::TempDir,
    coordinator: Running,
    clock: Clock,
    works: Arc<AtomicBool>,
}

impl World {
    async fn new() -> Self {
        let works = Arc::new(AtomicBool::new(false));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let host = format!("http://{}", listener.local_addr().expect("its address"));
        let router = Router::new().fallback(answer).with_state(works.clone());
        tokio::spawn(axum::serve(listener, router).into_future());

        let directory = tempfile::tempdir().expect("a directory");
        let store = format!("sqlite://{}", directory.path().join("coordinator.db").display());
        let clock = Clock::manual(Clock::System.now());
        let builder = Coordinator::builder().store(&store).with_clock(clock.clone()).console(Console::new());
        let world = Self { coordinator: Running::start(builder).await, directory, clock, works };

        let url = |path: &str| format!("{host}{path}");
        let message = |gid: &str, action: String| {
            json!({ "gid": gid, "trans_type": "msg", "steps": [{ "action": action }], "payloads": [r#"{"order":1}"#],
                "query_prepared": url("/bank/prepared"), "retry_interval": 600, "timeout_to_fail": 3_600 })
        };
        let steps = json!([
            { "action": url("/hotel/book"), "compensate": url("/hotel/cancel") },
            { "action": url("/flight/book"), "compensate": url("/flight/cancel") },
        ]);
        let saga = json!({ "gid": "trip-4", "trans_type": "saga", "steps": steps, "payloads": ["{}", "{}"],
            "retry_interval": 600 });
        for (route, transaction, branch, calls) in [
            ("submit", message("order-1", url("/stock/take")), "01", 3),
            // Nobody listens at this port.
            ("submit", message("order-2", "http://127.0.0.1:9/in".to_owned()), "01", 3),
            ("prepare", message("order-3", url("/ok")), "00", 4),
            ("submit", saga, "01", 3),
        ] {
            world.coordinator.done(route, &transaction).await;
            let gid = transaction["gid"].as_str().expect("a gid");
            let first = u64::from(route == "submit");
            for calls in first..=calls {
                if calls > first {
                    world.clock.advance(Duration::from_secs(3));
                    world.coordinator.done("resetNextCronTime", &json!({ "gid": gid })).await;
                }
                world.coordinator.wait(gid, |seen| is_called(seen, branch, calls)).await;
            }
        }
        world.coordinator.done("prepare", &message("order-5", url("/ok"))).await;
        let mut rows = sqlx::SqliteConnection::connect(&store).await.expect("a connection");
        let breaks = "UPDATE trans_global SET options = '{' || options WHERE gid = 'order-5'";
        sqlx::query(breaks).execute(&mut rows).await.expect("it is broken");
        world.coordinator.done("resetNextCronTime", &json!({ "gid": "order-5" })).await;
        world.coordinator.wait("order-5", |seen| seen["transaction"]["facts"]["waits"]["why"] == "parked").await;
        world
    }

    /// What a command prints.
    async fn run(&self, command: &str) -> String {
        let mut program = program(&self.directory);
        program.args(command.split_whitespace()).env("BRANCHWIRE_SERVER", &self.coordinator.url);
        let output = tokio::process::Command::from(program).output().await.expect("it runs");
        let text = |bytes| String::from_utf8(bytes).expect("text");
        format!("{}{}", text(output.stdout), text(output.stderr))
    }

    /// The text of a transaction's page, line by line.
    async fn page(&self, gid: &str) -> Vec<String> {
        let response = reqwest::get(format!("{}/console/transaction?gid={gid}", self.coordinator.url)).await;
        lines(&response.expect("an answer").text().await.expect("text"))
    }
}

/// Whether the last op of a branch that was called has had this many calls, and is to be called again.
fn is_called(seen: &Value, branch: &str, calls: u64) -> bool {
    let branches = seen["transaction"]["facts"]["branches"].as_array();
    let waits = |it: &&Value| it["branch_id"] == branch && it["last"]["answer"] != "success";
    let attempts = branches.into_iter().flatten().filter(waits).filter_map(|it| it["attempts"].as_u64()).max();
    attempts.unwrap_or(0) == calls && seen["transaction"]["owner"] == ""
}

/// The text in the middle of a page as a person reads it, without pictures.
fn lines(page: &str) -> Vec<String> {
    let live =
        page.split_once(r#"<div id="live""#).expect("the live part").1.split("</main>").next().unwrap_or_default();
    let without_pictures: String =
        live.split("<svg").map(|part| part.rsplit("</svg>").next().unwrap_or_default()).collect();
    let mut text = String::new();
    for part in without_pictures.split('<').skip(1) {
        let (tag, words) = part.split_once('>').unwrap_or_default();
        let name = tag.trim_start_matches('/').split(' ').next().unwrap_or_default();
        if !["a", "b", "bdi", "code", "span", "strong", "time"].contains(&name) {
            text.push('\n');
        }
        text.push_str(words);
    }
    let text = text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&amp;", "&");
    text.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect()
}

/// A line in which each time, age and duration is `T`, and each port is left out: they differ from run to run.
fn normal(line: &str) -> String {
    let is_unit = |word: &str| ["ms", "s", "min", "m", "h", "d"].contains(&word);
    let is_number = |word: &str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_digit());
    let core = |word: &str| word.trim_matches(|c: char| !c.is_alphanumeric()).to_owned();
    let mut normal: Vec<String> = Vec::new();
    let mut words = line.split_whitespace().peekable();
    while let Some(word) = words.next() {
        let number = core(word);
        let glued = number.trim_end_matches(|c: char| c.is_ascii_alphabetic());
        let next = words.peek().map(|next| core(next)).unwrap_or_default();
        let is_day = number.len() == 10 && is_number(&number.replace('-', ""));
        let time = if is_day || is_number(&number) && is_unit(&next) {
            let last = words.next().unwrap_or_default();
            Some(word.replace(&number, "T") + &last.replace(&next, ""))
        } else if number == "moments" || is_number(glued) && is_unit(&number[glued.len()..]) {
            Some(word.replace(&number, "T"))
        } else {
            None
        };
        match (normal.last_mut(), time) {
            // Two units are one time.
            (Some(before), Some(time)) if before.ends_with('T') && time.starts_with('T') => before.push_str(&time[1..]),
            (_, Some(time)) => normal.push(time),
            (_, None) => normal.push(without_port(word)),
        }
    }
    normal.join(" ")
}

fn without_port(word: &str) -> String {
    const HOST: &str = "127.0.0.1:";
    match word.split_once(HOST) {
        Some((before, after)) => format!("{before}{HOST}{}", after.trim_start_matches(|c: char| c.is_ascii_digit())),
        None => word.to_owned(),
    }
}

/// The blocks of the page, each with its lines.
fn blocks() -> Vec<Vec<&'static str>> {
    let parts = docs::STUCK.split("```");
    parts.skip(1).step_by(2).filter_map(|block| block.strip_prefix("text\n")).map(|it| it.lines().collect()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn command_line_and_console_show_what_the_page_about_stuck_transactions_says() {
    let world = World::new().await;
    let (mut commands, mut pages) = (0, Vec::new());
    for block in blocks() {
        let mut rest = block.as_slice();
        if !rest[0].starts_with("$ ") {
            let gid = rest[0].split(' ').next().expect("a gid");
            let page = world.page(gid).await;
            let mut left = page.iter().map(|line| normal(line));
            for line in rest {
                let line = normal(line);
                assert!(
                    left.any(|it| it == line),
                    "the page of {gid} does not say\n  {line}\nbut\n{}",
                    page.join("\n")
                );
            }
            pages.push(gid);
            continue;
        }
        while let [command, printed @ ..] = rest {
            let end = printed.iter().position(|line| line.starts_with("$ ")).unwrap_or(printed.len());
            let command = command.strip_prefix("$ branchwire ").expect("a command of ours");
            if command.starts_with("retry") {
                // "Repair the service", says the page.
                world.works.store(true, Ordering::SeqCst);
            }
            let said = world.run(command).await;
            let expected: Vec<_> = printed[..end].iter().map(|line| normal(line)).filter(|it| !it.is_empty()).collect();
            let found: Vec<_> = said.lines().map(normal).filter(|it| !it.is_empty()).collect();
            assert_eq!(expected, found, "branchwire {command} prints\n{said}");
            if let Some(gid) = command.strip_prefix("retry ").filter(|gid| !gid.starts_with('-')) {
                // What follows on the page is of later.
                world.coordinator.wait(gid, |seen| seen["transaction"]["status"] == "succeed").await;
            }
            commands += 1;
            rest = &printed[end..];
        }
    }
    assert_eq!(pages, ["order-1", "order-2", "order-3", "trip-4", "order-5"], "each case has its page");
    assert!(commands >= 8, "the commands are run: {commands}");
    world.coordinator.stop().await;
}

#[test]
fn times_and_ports_are_left_out_and_nothing_else() {
    for (line, expected) in [
        (" 2026-11-29 06:31:49Z  +18ms  called 01 action  unknown 500  52ms", "T +T called 01 action unknown 500 T"),
        ("created 2026-11-29 06:31:49Z, 11s ago; in 1m 15s (2026-11-29 06:33:15Z)", "created T, T ago; in T (T)"),
        ("moments ago, waited 3 s, in 1 min 15 s", "T ago, waited T, in T"),
        ("took 52 ms: unknown 500 http://127.0.0.1:8081/stock", "took T: unknown 500 http://127.0.0.1:/stock"),
    ] {
        assert_eq!(normal(line), expected);
    }
}
