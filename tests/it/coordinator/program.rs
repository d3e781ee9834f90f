//! The program as a process: its options, its variables, and the streams that it writes to.

use std::io::{BufRead, BufReader, Read};
use std::net::{Ipv6Addr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use branchwire::protocol::BarrierTable;
use tempfile::TempDir;

/// The program, with no variable of this process, in a directory of its own.
pub(crate) fn program(directory: &TempDir) -> Command {
    // Another program with the same `main`, which the tests build anyway.
    let mut command = Command::new(env!("CARGO_BIN_EXE_chaos"));
    command.args(["coordinator", "--"]).env_clear().current_dir(directory);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Runs it to its end, and gives its exit code and all that it wrote.
pub(super) fn ends(command: &mut Command) -> (Option<i32>, String) {
    let Output { status, stdout, stderr } = command.output().expect("a process");
    let said = String::from_utf8(stdout).expect("UTF-8") + &String::from_utf8(stderr).expect("UTF-8");
    (status.code(), said)
}

/// One that serves; dropped, it ends.
pub(super) struct Serving {
    pub(super) child: Child,
    pub(super) url: String,
}

impl Serving {
    /// Waits until it has printed its address in a line of `stream`.
    fn read(child: Child, stream: impl Read) -> Self {
        let mut said = String::new();
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            if let Some((_, rest)) = line.split_once("listening on ") {
                let url = rest.split([',', ' ']).next().expect("an address").to_owned();
                return Self { child, url };
            }
            said += &line;
        }
        panic!("it does not listen: {said}");
    }

    pub(super) fn start(command: &mut Command) -> Self {
        let mut child = command.stderr(Stdio::inherit()).spawn().expect("a process");
        let stdout = child.stdout.take().expect("it is piped");
        Self::read(child, stdout)
    }

    async fn answers(&self) -> bool {
        let health = reqwest::get(format!("{}/api/health", self.url)).await;
        health.is_ok_and(|response| response.status().is_success())
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.child.kill().and_then(|()| self.child.wait()).expect("a child of ours");
    }
}

#[tokio::test]
async fn its_console_shows_what_is_in_force_and_where_it_comes_from() {
    let directory = tempfile::tempdir().unwrap();
    let mut command = program(&directory);
    command.args(["--listen=127.0.0.1:0", "--log=warn"]).env("BRANCHWIRE_RETRY_INTERVAL", "7s");
    let serving = Serving::start(&mut command);
    let response = reqwest::get(format!("{}/console/settings", serving.url)).await.expect("an answer");
    let page = response.text().await.expect("text");
    for shown in ["<code>retry-interval</code>", "7s", "environment, BRANCHWIRE_RETRY_INTERVAL", "flag", "default"] {
        assert!(page.contains(shown), "{shown}: {page}");
    }
}

#[tokio::test]
async fn a_reader_of_standard_output_that_goes_away_does_not_end_it() {
    let directory = tempfile::tempdir().unwrap();
    let mut child = program(&directory).args(["--listen=127.0.0.1:0", "--log=warn"]).spawn().unwrap();
    drop(child.stdout.take());
    let mut stderr = child.stderr.take().unwrap();
    let serving = Serving::read(child, &mut stderr);
    assert!(serving.answers().await);
}

#[test]
fn an_error_that_nobody_reads_does_not_panic() {
    let directory = tempfile::tempdir().unwrap();
    let mut child = program(&directory).args(["--listen=127.0.0.1:0", "--store=nowhere"]).spawn().unwrap();
    drop((child.stdout.take(), child.stderr.take()));
    assert_eq!(child.wait().unwrap().code(), Some(1));
}

/// The names of the variables that `--help` shows.
fn variables(directory: &TempDir) -> Vec<String> {
    let (code, help) = ends(program(directory).arg("--help"));
    assert_eq!(code, Some(0), "{help}");
    let names = help.split("[env: ").skip(1).filter_map(|rest| rest.split(['=', ']']).next());
    names.map(str::to_owned).collect()
}

/// No container can be built in a test: what the files of deployments set must at least be read by somebody.
#[test]
fn what_deployments_set_is_a_variable_of_the_program() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let (code, help) = ends(program(&tempfile::tempdir().unwrap()).arg("--help"));
    assert_eq!(code, Some(0), "{help}");
    for file in [
        "runtime/coordinator/deploy/Dockerfile",
        "runtime/coordinator/deploy/branchwire.service",
        "runtime/coordinator/deploy/compose.yaml",
        "runtime/coordinator/deploy/helm/branchwire/templates/deployment.yaml",
        "examples/shop/compose.yaml",
    ] {
        let text = std::fs::read_to_string(root.join(file)).unwrap_or_else(|error| panic!("{file}: {error}"));
        let words = text.split(|letter: char| !letter.is_ascii_uppercase() && letter != '_');
        // The shop's services show this one to the coordinator.
        let set: Vec<_> =
            words.filter(|word| word.starts_with("BRANCHWIRE_") && *word != "BRANCHWIRE_API_TOKEN").collect();
        assert!(set.contains(&"BRANCHWIRE_STORE"), "{file} is read: {set:?}");
        for name in set {
            // The value of one that may have a password is hidden.
            let forms = [format!("[env: {name}="), format!("[env: {name}]"), format!("`{name}`")];
            assert!(forms.iter().any(|form| help.contains(form)), "{file}: {name}");
        }
    }
}

#[tokio::test]
async fn empty_variables_count_as_not_set_and_a_line_end_is_no_part_of_a_value() {
    let directory = tempfile::tempdir().unwrap();
    let names = variables(&directory);
    assert!(names.len() > 15 && names.iter().all(|name| name.starts_with("BRANCHWIRE_")), "{names:?}");
    let mut command = program(&directory);
    command.envs(names.iter().map(|name| (name, ""))).env("BRANCHWIRE_KEYS", "").env("BRANCHWIRE_API_TOKENS", " ");
    command.env("BRANCHWIRE_LISTEN", "localhost:0\n").env("BRANCHWIRE_CALLS_MAX", " 100\r\n");
    let serving = Serving::start(&mut command);
    assert!(serving.answers().await);
    assert!(directory.path().join("branchwire.db").exists());
}

#[test]
fn an_invalid_log_filter_is_an_error() {
    let directory = tempfile::tempdir().unwrap();
    for filter in ["inof", "warning", "branchwire=inof"] {
        let (code, said) = ends(program(&directory).args(["--listen=127.0.0.1:0", "--log", filter]));
        assert_eq!(code, Some(2), "{said}");
        assert!(said.contains(filter) && said.contains("expected a level"), "{said}");
    }
}

#[test]
fn a_port_that_is_taken_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = other.local_addr().unwrap();
    let (code, said) = ends(program(&directory).arg(format!("--listen={address}")));
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains(&format!("cannot listen on {address}")) && said.contains("another process"), "{said}");
    assert!(!directory.path().join("branchwire.db").exists(), "nothing was made for it");
}

#[tokio::test]
async fn it_listens_on_a_name_on_all_interfaces_and_on_ipv6() {
    let directory = tempfile::tempdir().unwrap();
    let has_ipv6 = TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).is_ok();
    for (number, listen) in ["localhost:0", ":0", "[::1]:0"].into_iter().enumerate() {
        if listen.starts_with('[') && !has_ipv6 {
            continue;
        }
        let store = format!("--store=sqlite://{number}.db");
        let mut serving = Serving::start(program(&directory).args([&store, "--listen", listen]));
        assert!(!serving.url.ends_with(":0"), "the port that was chosen is printed: {}", serving.url);
        if listen == ":0" {
            let port = serving.url.rsplit(':').next().expect("a port").to_owned();
            serving.url = format!("http://127.0.0.1:{port}");
        }
        assert!(serving.answers().await, "{listen}: {}", serving.url);
    }
}

#[test]
fn a_password_is_not_shown() {
    let directory = tempfile::tempdir().unwrap();
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for store in [
        format!("postgres://u:hunter2@{closed}/d"),
        format!("mysql://u:hunter2@{closed}/d"),
        format!("postgres://u:1/hunter2@{closed}/d"),
        format!("postgres://u:1?hunter2@{closed}/d"),
        format!("mysql://u:1?hunter2=2@{closed}/d"),
        format!("mysql://u:1#hunter2@{closed}/d"),
        format!("oracle://u:hunter2@{closed}/d"),
        format!("hunter2@{closed}"),
    ] {
        let mut command = program(&directory);
        command.args(["--listen=127.0.0.1:0", "--log=trace"]).env("BRANCHWIRE_STORE", &store);
        let (code, said) = ends(&mut command);
        assert_eq!(code, Some(1), "{store}: {said}");
        assert!(!said.contains("hunter2"), "{store}: {said}");
        assert!(said.contains("branchwire: the store"), "{store}: {said}");
        let (code, help) = ends(program(&directory).arg("--help").env("BRANCHWIRE_STORE", &store));
        assert!(code == Some(0) && !help.contains("hunter2"), "{help}");
    }
}

#[test]
fn parameters_of_a_file_are_heeded_or_refused() {
    let directory = tempfile::tempdir().unwrap();
    let store = |address: &str| ends(program(&directory).args(["--listen=127.0.0.1:0", "--store", address]));
    for (address, says) in [
        ("sqlite://my%20store.db?mode=rw", "creates none"),
        ("sqlite://my%20store.db?mode=ro", "`mode=ro`"),
        ("sqlite://my%20store.db?synchronous=off", "`synchronous`"),
        ("sqlite::memory:", "in memory"),
    ] {
        let (code, said) = store(address);
        assert!(code == Some(1) && said.contains(says), "{address}: {said}");
        assert_eq!(std::fs::read_dir(&directory).unwrap().count(), 0, "{address} left something behind");
    }
    let file = Path::new("my store.db");
    drop(Serving::start(program(&directory).args(["--listen=127.0.0.1:0", "--store=sqlite://my%20store.db?mode=rwc"])));
    assert!(directory.path().join(file).exists());
    drop(Serving::start(program(&directory).args(["--listen=127.0.0.1:0", "--store=sqlite://my%20store.db?mode=rw"])));
}

#[test]
fn output_to_a_file_has_no_colours() {
    let directory = tempfile::tempdir().unwrap();
    let (code, said) =
        ends(program(&directory).args(["--listen=127.0.0.1:0", "--log=trace", "--store=postgres://127.0.0.1:1/d"]));
    assert_eq!(code, Some(1));
    assert!(said.contains("TRACE") || said.contains("DEBUG") || said.contains("INFO"), "it logs something: {said}");
    assert!(!said.contains('\u{1b}'), "{said}");
}

#[test]
fn it_prints_the_barrier_table_for_an_administrator() {
    let directory = tempfile::tempdir().unwrap();
    let prints = |arguments: &[&str]| ends(program(&directory).args(["schema", "barrier"]).args(arguments));
    let (code, said) = prints(&["--database", "postgres", "--user", "shop"]);
    assert_eq!((code, said), (Some(0), BarrierTable::POSTGRES.script(Some("\"shop\""))));
    let (code, said) = prints(&["--database", "mysql", "--user", "shop@10.0.0.%"]);
    assert_eq!((code, said), (Some(0), BarrierTable::MYSQL.script(Some("'shop'@'10.0.0.%'"))));
    let (code, said) = prints(&["--database", "sqlite"]);
    assert_eq!((code, said), (Some(0), BarrierTable::SQLITE.script(None)));
    let (code, said) = prints(&["--database", "postgres", "--user", "a\"; DROP TABLE x; --"]);
    assert_eq!(code, Some(2), "{said}");
    assert_eq!(std::fs::read_dir(&directory).unwrap().count(), 0, "no store is made for it");
}

/// Checks that one line of the log has host, path and status, says what the answer was, and no query.
#[tokio::test]
async fn the_log_says_which_host_and_path_gave_which_status() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let host = listener.local_addr().unwrap();
    let answers = async |axum::extract::Path(status): axum::extract::Path<u16>| {
        let status = axum::http::StatusCode::from_u16(status).unwrap();
        (status, [(axum::http::header::LOCATION, "/elsewhere?secret=2")])
    };
    let branch = axum::Router::new().route("/in/{status}", axum::routing::post(answers));
    tokio::spawn(axum::serve(listener, branch).into_future());
    let directory = tempfile::tempdir().unwrap();
    let mut serving = program(&directory).args(["--listen=127.0.0.1:0"]).spawn().unwrap();
    let (stdout, stderr) = (serving.stdout.take().unwrap(), serving.stderr.take().unwrap());
    let serving = Serving::read(serving, stdout);
    let submit = async |trans_type: &str, action: &str, compensate: &str| {
        let body = serde_json::json!({
            "gid": branchwire::Gid::random().as_str(), "trans_type": trans_type, "wait_result": true, "payloads": ["{}"],
            "steps": [{ "action": format!("{action}?secret=1"), "compensate": format!("{compensate}?secret=1") }],
        });
        reqwest::Client::new().post(format!("{}/api/dtmsvr/submit", serving.url)).json(&body).send().await.unwrap();
    };
    for path in ["in/401", "none", "in/422", "in/500", "in/302", "in/409", "in/425"] {
        submit("msg", &format!("http://{host}/{path}"), "").await;
    }
    submit("msg", "http://127.0.0.1:1/away", "").await;
    submit("saga", &format!("http://{host}/in/409"), &format!("http://{host}/in/503")).await;
    drop(serving);
    let log: Vec<String> = BufReader::new(stderr).lines().map_while(Result::ok).collect();
    let at = |path: &str| [format!("host=\"{host}\""), format!("path=\"{path}\"")];
    let unclear = ["no clear answer"].as_slice();
    for (path, status, says) in [
        ("/in/401", "401", unclear),
        ("/none", "404", unclear),
        ("/in/422", "422", unclear),
        ("/in/500", "500", unclear),
        ("/in/302", "302", unclear),
        ("/in/302", "302", &["a redirect is not followed", "location=\"/elsewhere\""]),
        ("/in/409", "409", &["refused", "trans_type=\"msg\""]),
        ("/in/409", "409", &["a branch refuses that must succeed"]),
        ("/in/409", "409", &["refused", "trans_type=\"saga\""]),
        ("/in/503", "503", &["no clear answer", "op=\"compensate\""]),
        ("/in/425", "425", &["not done yet"]),
    ] {
        let mut said = says.iter().map(|&word| word.to_owned()).collect::<Vec<_>>();
        said.extend(at(path));
        said.push(format!("http_status={status}"));
        assert!(log.iter().any(|line| said.iter().all(|word| line.contains(word))), "{said:?}: {log:#?}");
    }
    let away = ["host=\"127.0.0.1:1\"", "path=\"/away\"", "no clear answer", "Connection refused"];
    assert!(log.iter().any(|line| away.iter().all(|word| line.contains(word))), "{log:#?}");
    assert!(log.iter().all(|line| !line.contains("secret")), "{log:#?}");
}

#[tokio::test]
async fn health_asks_the_coordinator_on_this_machine() {
    let directory = tempfile::tempdir().unwrap();
    let serving = Serving::start(program(&directory).args(["--listen=0.0.0.0:0"]));
    let port = serving.url.rsplit(':').next().unwrap().to_owned();
    let health = || ends(program(&directory).args(["health", &format!("--listen=0.0.0.0:{port}")]));
    assert_eq!(health(), (Some(0), String::new()));
    drop(serving);
    let (code, said) = health();
    assert_eq!(code, Some(1));
    assert!(said.contains("nothing answers at http://127.0.0.1:"), "{said}");
}

#[test]
fn a_flag_comes_before_a_variable_and_a_variable_before_the_file() {
    let directory = tempfile::tempdir().unwrap();
    let file =
        "retry-interval = '1s'\nrequest-timeout = '1s'\ncron-interval = '1s'\nallow-networks = ['::1', '10.0.0.0/8']\n";
    std::fs::write(directory.path().join("options.toml"), file).unwrap();
    let mut command = program(&directory);
    command.args(["config", "--config=options.toml", "--retry-interval=3s"]);
    command.env("BRANCHWIRE_RETRY_INTERVAL", "2s").env("BRANCHWIRE_REQUEST_TIMEOUT", " 2s\n");
    command.env("BRANCHWIRE_STORE", "postgres://u:hunter2@h/d").env("BRANCHWIRE_API_TOKENS", "hunter2");
    let (code, said) = ends(&mut command);
    assert_eq!(code, Some(0), "{said}");
    for line in [
        "retry-interval = \"3s\"  # flag",
        "request-timeout = \"2s\"  # environment, BRANCHWIRE_REQUEST_TIMEOUT",
        "cron-interval = \"1s\"  # file options.toml, line 3",
        "allow-networks = \"::1,10.0.0.0/8\"  # file options.toml, line 4",
        "timeout-to-fail = \"35s\"  # default",
        "store = \"postgres://***@h/d\"  # environment, BRANCHWIRE_STORE",
        "# retention is not set",
        "# BRANCHWIRE_API_TOKENS is set in the environment; its value is hidden",
    ] {
        assert!(said.lines().any(|said| said == line), "{line}: {said}");
    }
    assert!(!said.contains("hunter2"), "{said}");
    assert_eq!(std::fs::read_dir(&directory).unwrap().count(), 1, "no store is made for it");
}

#[test]
fn the_options_in_force_are_a_file_that_gives_the_same_options() {
    let directory = tempfile::tempdir().unwrap();
    let values = |said: &str| -> Vec<String> {
        said.lines().map(|line| line.split("  # ").next().unwrap_or_default().to_owned()).collect()
    };
    let (code, first) = ends(program(&directory).args(["config", "--calls-max=7", "--retention=1h 30m"]));
    assert_eq!(code, Some(0), "{first}");
    std::fs::write(directory.path().join("options.toml"), &first).unwrap();
    let (code, second) = ends(program(&directory).arg("config").env("BRANCHWIRE_CONFIG", "options.toml"));
    assert_eq!(code, Some(0), "{second}");
    assert_eq!(values(&first), values(&second));
    assert!(second.contains("calls-max = \"7\"  # file options.toml, line "), "{second}");
}

#[test]
fn an_unknown_key_of_the_file_is_an_error_with_a_suggestion() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("options.toml"), "listen = '127.0.0.1:0'\nretry_interval = '1s'\n").unwrap();
    for command in [&["--config=options.toml"][..], &["config", "--config", "options.toml"]] {
        let (code, said) = ends(program(&directory).args(command));
        assert_eq!(code, Some(2), "{said}");
        assert!(
            said.contains("options.toml, line 2: unknown key `retry_interval`: did you mean `retry-interval`?"),
            "{said}"
        );
    }
    let (code, said) = ends(program(&directory).arg("--config=none.toml"));
    assert!(code == Some(2) && said.contains("none.toml: "), "{said}");
}

#[tokio::test]
async fn it_serves_with_a_file_and_logs_json() {
    let directory = tempfile::tempdir().unwrap();
    let file = "listen = '127.0.0.1:0'\nstore = 'sqlite://other.db'\nlog-format = 'json'\nlog = 'debug'\n";
    std::fs::write(directory.path().join("options.toml"), file).unwrap();
    let mut child = program(&directory).arg("--config=options.toml").spawn().unwrap();
    let (stdout, stderr) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
    let serving = Serving::read(child, stdout);
    assert!(serving.answers().await);
    assert!(directory.path().join("other.db").exists());
    // Nobody listens there: the log says so.
    let message = r#"{"gid":"g","trans_type":"msg","steps":[{"action":"http://127.0.0.1:1/in"}],"payloads":["{}"]}"#;
    let submit = reqwest::Client::new().post(format!("{}/api/dtmsvr/submit", serving.url)).body(message);
    assert!(submit.send().await.unwrap().status().is_success());
    let mut log = BufReader::new(stderr).lines().map_while(Result::ok);
    let first = log.next().expect("a line");
    drop(serving);
    for line in std::iter::once(first).chain(log) {
        let line: serde_json::Value = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{line}: {error}"));
        assert!(line["level"].is_string() && line["message"].is_string(), "{line}");
    }
}
