//! The commands for operators: what they print on a terminal and in a pipe, what they do, and their exit codes.

use std::process::{Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::Router;
use axum::http::StatusCode;
use axum::routing::post;
use branchwire_coordinator::{Clock, Coordinator};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::net::TcpListener;
use tokio::process::{ChildStdout, Command};

use super::program::program;
use super::{Running, gid, message};

/// The answer of a broken branch: it tries to clear the terminal.
const SAID: &str = "\u{1b}[2Jout of stock";

/// A coordinator, and a branch that is broken until it is repaired.
struct World {
    directory: TempDir,
    coordinator: Running,
    branch: String,
    works: Arc<AtomicBool>,
    clock: Clock,
}

/// An exit code, and what was printed to standard output and to standard error.
type Said = (Option<i32>, String, String);

impl World {
    async fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let store = format!("sqlite://{}", directory.path().join("coordinator.db").display());
        let clock = Clock::manual(Clock::System.now());
        let coordinator = Running::start(Coordinator::builder().store(store).with_clock(clock.clone())).await;
        let works = Arc::new(AtomicBool::new(false));
        let repaired = works.clone();
        let call = async move || {
            if repaired.load(Ordering::SeqCst) {
                (StatusCode::OK, "")
            } else {
                (StatusCode::INTERNAL_SERVER_ERROR, SAID)
            }
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let branch = format!("http://{}/take", listener.local_addr().unwrap());
        tokio::spawn(axum::serve(listener, Router::new().route("/take", post(call))).into_future());
        Self { directory, coordinator, branch, works, clock }
    }

    fn command(&self) -> Command {
        let mut command = program(&self.directory);
        command.env("BRANCHWIRE_SERVER", &self.coordinator.url);
        command.into()
    }

    /// Runs the program with its output in a pipe.
    async fn run(&self, arguments: &[&str]) -> Said {
        said(self.command().args(arguments).output().await.unwrap())
    }

    /// Runs the program on a terminal with this many columns.
    async fn on_terminal(&self, columns: usize, arguments: &str) -> Said {
        let program = env!("CARGO_BIN_EXE_chaos");
        let line = format!("stty cols {columns}; exec {program} coordinator -- {arguments}");
        let mut command = Command::new("script");
        command.args(["-qec", &line, "/dev/null"]).stdin(Stdio::null()).env_remove("NO_COLOR");
        command.env("BRANCHWIRE_SERVER", &self.coordinator.url).env("TERM", "xterm").env("SHELL", "/bin/sh");
        said(command.output().await.unwrap())
    }

    /// A message whose branch was called three times without success: each time an operator asks for it.
    async fn stuck(&self) -> String {
        let gid = gid();
        self.coordinator.done("submit", &message(&gid, std::slice::from_ref(&self.branch))).await;
        for calls in 1..=3 {
            self.coordinator.wait(&gid, |seen| attempts(seen) >= calls && seen["transaction"]["owner"] == "").await;
            if calls < 3 {
                assert_eq!(self.run(&["retry", &gid]).await.0, Some(0));
            }
        }
        gid
    }
}

/// Reads lines until one is as wanted, and returns it.
async fn line_with(lines: &mut Lines<BufReader<ChildStdout>>, words: &[&str]) -> String {
    let found = async {
        loop {
            let line = lines.next_line().await.expect("a line").expect("more lines");
            if words.iter().all(|word| line.contains(word)) {
                return line;
            }
        }
    };
    let limit = std::time::Duration::from_secs(30);
    tokio::time::timeout(limit, found).await.unwrap_or_else(|_| panic!("no line with {words:?}"))
}

fn attempts(seen: &Value) -> u64 {
    seen["transaction"]["facts"]["branches"][0]["attempts"].as_u64().unwrap_or(0)
}

fn said(output: Output) -> Said {
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    (output.status.code(), text(output.stdout), text(output.stderr))
}

/// The width of a line on a terminal: colours have none.
fn columns(line: &str) -> usize {
    let mut columns = 0;
    let mut rest = line.trim_end().chars();
    while let Some(c) = rest.next() {
        if c == '\u{1b}' {
            rest.by_ref().find(char::is_ascii_alphabetic);
        } else {
            columns += 1;
        }
    }
    columns
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stuck_message_is_found_shown_repaired_and_watched_to_its_end() {
    let world = World::new().await;
    assert_eq!(world.run(&["stuck"]).await, (Some(0), "nothing is stuck\n".to_owned(), String::new()));
    let gid = world.stuck().await;

    let (code, stuck, _) = world.run(&["stuck"]).await;
    assert_eq!(code, Some(5), "{stuck}");
    let lines: Vec<_> = stuck.lines().collect();
    assert_eq!(lines.len(), 2, "in a pipe each row is a line: {stuck}");
    assert!(
        lines[1].contains(&gid) && lines[1].contains("branch 01 action ended as `unknown` with status 500"),
        "{stuck}"
    );

    let (code, shown, _) = world.run(&["show", &gid]).await;
    assert_eq!(code, Some(0), "{shown}");
    for said in ["submitted", "called 01 action", "unknown 500", "\\u{1b}[2Jout of stock", "created", &world.branch] {
        assert!(shown.contains(said), "{said}: {shown}");
    }
    assert!(!shown.contains('\u{1b}'), "nothing acts on the terminal: {shown}");
    assert_eq!(shown.matches("called 01 action").count(), 3, "a line for each call: {shown}");

    world.works.store(true, Ordering::SeqCst);
    assert_eq!(world.run(&["retry", &gid]).await, (Some(0), format!("{gid} is called now\n"), String::new()));
    let (code, watched, _) = world.run(&["watch", &gid, "--interval=20ms"]).await;
    assert_eq!(code, Some(0), "{watched}");
    assert!(watched.lines().last().is_some_and(|line| line.ends_with("ended as succeed")), "{watched}");
    assert_eq!(world.run(&["stuck"]).await.0, Some(0));
    let (_, list, _) = world.run(&["list", "--status=succeed", "--pattern=msg", "--since=1h"]).await;
    assert!(list.contains(&gid), "{list}");
    let (_, list, _) = world.run(&["list", "--status=failed"]).await;
    assert!(!list.contains(&gid), "{list}");
    world.coordinator.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_terminal_gets_its_width_and_colours_and_a_pipe_neither() {
    let world = World::new().await;
    let gid = world.stuck().await;
    for wide in [72, 120] {
        for arguments in ["stuck".to_owned(), format!("show {gid}"), "list".to_owned()] {
            let (_, shown, _) = world.on_terminal(wide, &arguments).await;
            assert!(shown.contains("\u{1b}[38;5;") || shown.contains("\u{1b}[3"), "{arguments} has colours: {shown:?}");
            assert!(!shown.contains("\u{1b}[2J"), "no text from outside acts on it: {shown:?}");
            // The table is at most as wide as the terminal; the terminal wraps the lines above it.
            let table = shown.lines().skip_while(|line| !line.contains("GID") && !line.contains("BRANCH"));
            let widest = table.map(columns).max().expect("a table");
            assert!((20..=wide).contains(&widest), "{arguments} on {wide} columns takes {widest}: {shown}");
        }
        let (_, shown, _) = world.on_terminal(wide, "stuck --json").await;
        assert!(!shown.contains('\u{1b}'), "JSON has no colours: {shown:?}");
    }
    let (_, piped, _) = world.run(&["stuck"]).await;
    assert!(!piped.contains('\u{1b}') && piped.lines().map(columns).max() > Some(120), "{piped:?}");
    world.coordinator.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn json_is_one_object_a_line_as_the_api_gives_it() {
    let world = World::new().await;
    let (one, two) = (world.stuck().await, world.stuck().await);
    for (command, code) in [(&["list"][..], 0), (&["stuck"], 5)] {
        let (ended, printed, _) = world.run(&[command, &["--json"]].concat()).await;
        assert_eq!(ended, Some(code), "{printed}");
        let lines = printed.lines().map(|line| serde_json::from_str(line).expect("JSON"));
        let gids: Vec<_> = lines.map(|it: Value| it["gid"].as_str().unwrap_or_default().to_owned()).collect();
        assert!(gids.len() == 2 && gids.contains(&one) && gids.contains(&two), "{printed}");
    }
    let (_, shown, _) = world.run(&["show", &one, "--json"]).await;
    assert_eq!(shown.lines().count(), 1);
    let shown: Value = serde_json::from_str(&shown).expect("JSON");
    assert_eq!(shown["transaction"]["facts"]["rounds"], 3, "{shown}");
    world.coordinator.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_gid_each_change_of_an_unfinished_transaction_is_watched() {
    let world = World::new().await;
    let mut watch = world.command();
    watch.args(["watch", "--interval=20ms"]).kill_on_drop(true);
    let mut watching = watch.spawn().expect("it runs");
    let mut lines = BufReader::new(watching.stdout.take().expect("a pipe")).lines();
    let mut json = world.command();
    json.args(["watch", "--interval=20ms", "--json"]).kill_on_drop(true);
    let mut json = json.spawn().expect("it runs");
    let mut objects = BufReader::new(json.stdout.take().expect("a pipe")).lines();

    let (stuck, other) = (world.stuck().await, gid());
    line_with(&mut lines, &[&stuck, "submitted", "with status 500 (call 3)"]).await;
    world.coordinator.done("prepare", &message(&other, std::slice::from_ref(&world.branch))).await;
    line_with(&mut lines, &[&other, "prepared", "may still submit it"]).await;
    world.works.store(true, Ordering::SeqCst);
    assert_eq!(world.run(&["retry", &stuck]).await.0, Some(0));
    line_with(&mut lines, &[&stuck, "succeed"]).await;
    assert_eq!(world.run(&["rollback", &other]).await.0, Some(0));
    line_with(&mut lines, &[&other, "failed"]).await;
    let ended = line_with(&mut objects, &[&stuck, "\"status\":\"succeed\""]).await;
    assert_eq!(serde_json::from_str::<Value>(&ended).expect("JSON")["gid"], json!(stuck));
    assert_eq!(watching.try_wait().expect("it can be asked"), None, "it goes on until it is interrupted");
    world.coordinator.stop().await;
    assert_eq!(watching.wait().await.expect("it ends").code(), Some(3), "the coordinator gives no answer");
}

#[tokio::test(flavor = "multi_thread")]
async fn all_that_is_overdue_is_called_with_a_bar_of_progress_on_a_terminal() {
    let world = World::new().await;
    assert_eq!(world.run(&["retry", "--overdue"]).await.1, "nothing is overdue\n");
    let gids = [world.stuck().await, world.stuck().await, world.stuck().await];
    // Not yet a minute old.
    assert_eq!(world.run(&["retry", "--overdue"]).await.1, "nothing is overdue\n");
    // Older than a minute, and before the next call of any.
    let overdue = async |seconds| {
        world.clock.advance(std::time::Duration::from_secs(seconds));
        for gid in &gids {
            world.coordinator.wait(gid, |seen| seen["transaction"]["owner"] == "").await;
            let seen = world.coordinator.query(gid).await;
            assert_eq!(seen["transaction"]["facts"]["waits"]["overdue"], true, "{seen}");
        }
    };
    overdue(61).await;
    let (code, shown, _) = world.on_terminal(100, "retry --overdue").await;
    assert_eq!(code, Some(0), "{shown}");
    assert!(gids.iter().all(|gid| shown.contains(&format!("{gid} is called now"))), "{shown}");
    assert!(shown.contains("1/3") || shown.contains("2/3") || shown.contains("3/3"), "a bar of progress: {shown:?}");
    overdue(1).await;
    let (_, piped, error) = world.run(&["retry", "--overdue", "--json"]).await;
    let done: Vec<Value> = piped.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert!(done.len() == 3 && done.iter().all(|it| it["done"] == "is called now"), "{piped}");
    assert_eq!(error, "", "no bar in a pipe");
    world.coordinator.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn exit_codes_are_as_the_help_says() {
    let world = World::new().await;
    let gid = gid();
    world.coordinator.done("prepare", &message(&gid, std::slice::from_ref(&world.branch))).await;

    let (code, help, _) = world.run(&["stop", "--help"]).await;
    assert!(code == Some(0) && help.contains("Exit codes:") && help.contains("BRANCHWIRE_TOKEN"), "{help}");
    assert_eq!(world.run(&["retry"]).await.0, Some(2), "neither a gid nor --overdue");
    let (code, _, error) = world.run(&["list", "--server=http://127.0.0.1:1"]).await;
    assert!(code == Some(3) && error.contains("http://127.0.0.1:1 cannot be reached"), "{error}");
    for command in ["show", "watch", "retry", "rollback", "stop"] {
        let (code, _, error) = world.run(&[command, "nothing-of-this-name"]).await;
        assert!(code == Some(4) && error.contains("no transaction `nothing-of-this-name`"), "{command}: {error}");
    }

    let (code, said, error) = world.run(&["stop", &gid]).await;
    assert!(code == Some(1) && said.contains("01 action: is not called") && error.contains("--yes"), "{said}{error}");
    assert_eq!(world.coordinator.query(&gid).await["transaction"]["status"], "prepared", "it was not stopped");
    assert_eq!(world.run(&["rollback", &gid, "--reason=no such order"]).await.0, Some(0));
    assert_eq!(world.coordinator.query(&gid).await["transaction"]["status"], "failed");
    let (code, _, error) = world.run(&["stop", &gid, "--yes"]).await;
    assert!(code == Some(1) && error.contains("has ended as `failed`"), "{error}");
    assert_eq!(world.run(&["watch", &gid]).await.0, Some(5), "it ended as failed");

    let stuck = world.stuck().await;
    let (code, said, _) = world.run(&["stop", &stuck, "--yes"]).await;
    assert!(code == Some(0) && said.contains("01 action: was called 3 times, and may have been applied"), "{said}");
    assert_eq!(world.coordinator.query(&stuck).await["transaction"]["status"], "failed");
    world.coordinator.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_comes_from_the_environment() {
    let directory = tempfile::tempdir().unwrap();
    let store = format!("sqlite://{}", directory.path().join("coordinator.db").display());
    let token = "0123456789abcdef0123456789abcdef";
    let coordinator = Running::start(Coordinator::builder().store(store).api_tokens(token.parse().unwrap())).await;
    let list = async |variable: Option<&str>| {
        let mut command: Command = program(&directory).into();
        command.args(["list", "--server", &coordinator.url]).envs(variable.map(|token| ("BRANCHWIRE_TOKEN", token)));
        said(command.output().await.unwrap())
    };
    let (code, _, error) = list(None).await;
    assert!(code == Some(1) && error.contains("set BRANCHWIRE_TOKEN"), "{error}");
    assert_eq!(list(Some(&format!("{token}\n"))).await.0, Some(0));
    coordinator.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn topics_are_listed_and_addresses_are_checked() {
    let world = World::new().await;
    let subscribe = [("topic", "stock"), ("url", world.branch.as_str()), ("remark", "the shop")];
    let url = format!("{}/api/dtmsvr/subscribe", world.coordinator.url);
    let url = url::Url::parse_with_params(&url, subscribe).unwrap();
    assert!(reqwest::get(url).await.unwrap().status().is_success());
    let (code, topics, _) = world.run(&["topics"]).await;
    assert!(code == Some(0) && topics.contains("stock") && topics.contains(&world.branch), "{topics}");
    let (_, topics, _) = world.run(&["topics", "--json"]).await;
    let topics: Value = serde_json::from_str(&topics).expect("JSON");
    assert_eq!(topics, json!({ "topic": "stock", "subscribers": [{ "url": world.branch, "remark": "the shop" }] }));

    let (code, said, _) = world.run(&["check", &world.branch]).await;
    assert!(code == Some(0) && said.contains("yes"), "{said}");
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let gid = gid();
    world.coordinator.done("submit", &message(&gid, &[format!("http://{closed}/take"), world.branch.clone()])).await;
    let (code, said, _) = world.run(&["check", "--json"]).await;
    assert_eq!(code, Some(5), "{said}");
    let found: Vec<Value> = said.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let reached = |address: &str| found.iter().find(|it| it["address"] == address).map(|it| it["reached"].clone());
    assert_eq!(reached(&closed.to_string()), Some(json!(false)), "{said}");
    let host = url::Url::parse(&world.branch).unwrap();
    let host = &host[url::Position::BeforeHost..url::Position::AfterPort];
    assert_eq!(reached(host), Some(json!(true)), "{said}");
    world.coordinator.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn completions_and_pages_know_each_command() {
    let directory = tempfile::tempdir().unwrap();
    let run =
        async |arguments: &[&str]| said(Command::from(program(&directory)).args(arguments).output().await.unwrap());
    for shell in ["bash", "zsh", "fish"] {
        let (code, script, _) = run(&["completions", shell]).await;
        assert!(
            code == Some(0) && script.contains("rollback") && script.contains("retry-interval"),
            "{shell}: {script}"
        );
    }
    let (code, page, _) = run(&["man"]).await;
    assert!(code == Some(0) && page.contains(".TH branchwire") && page.contains("stuck"), "{page}");
    let (code, page, _) = run(&["man", "retry"]).await;
    assert!(code == Some(0) && page.contains("Exit codes") && page.contains("overdue"), "{page}");
    assert_eq!(run(&["man", "nothing"]).await.0, Some(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn dev_prints_one_address_and_leaves_nothing_behind() {
    let directory = tempfile::tempdir().unwrap();
    let mut command: Command = program(&directory).into();
    command.args(["dev", "--listen=127.0.0.1:0"]).env("TMPDIR", directory.path()).kill_on_drop(true);
    let mut child = command.spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let url = lines.next_line().await.unwrap().expect("an address");
    let origin = url::Url::parse(&url).expect("the line is an address").origin().ascii_serialization();
    assert!(reqwest::get(format!("{origin}/api/ready")).await.unwrap().status().is_success());
    assert_eq!(std::fs::read_dir(&directory).unwrap().count(), 1, "the store is in a directory of its own");
    let pid = child.id().expect("it runs").to_string();
    assert!(Command::new("kill").arg(&pid).status().await.unwrap().success());
    assert!(child.wait().await.unwrap().success());
    assert_eq!(lines.next_line().await.unwrap(), None, "one line");
    assert_eq!(std::fs::read_dir(&directory).unwrap().count(), 0, "the store is gone");
}
