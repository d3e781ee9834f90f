//! What annotations cost when a program is compiled: a service of 200 branches beside the same written by hand in axum.
//!
//! `cargo bench -p branchwire --bench compile_time`
//!
//! Both are libraries of one file: 200 payloads, 200 functions that run one statement in a transaction, one router. By
//! hand that is a handler with axum's `State` and `Json`, a transaction, and an answer: no barrier, no look at who calls,
//! no typed remote, which the annotated ones have. So it is beside the least that a service does. Each is built from
//! nothing (its dependencies are built before) and after a change in one function's body, several times in turn; the
//! shortest times count. It fails if the annotated one takes half as long again.
//!
//! A third library has 2000 branches in 20 services, which `services!` merges. It is built once from nothing, and fails
//! if a branch of it takes twice as long as one of the 200: the time must grow with the number of branches, no faster.
//!
//! On two cores (AMD EPYC, 2026-11-25, nothing else running), rustc 1.95.0:
//!
//! | | by hand | annotated | ratio |
//! |---|---|---|---|
//! | from nothing | 8.6 s | 5.8 s | 0.67 |
//! | one body changed | 2.3 s | 1.5 s | 0.67 |
//!
//! The likely reason: axum makes a stack of types of each handler, and `#[msg_branch]` hands over
//! function pointers: what a route does is compiled once for a database and a state.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};
use std::{env, fs};

const BRANCHES: usize = 200;
const ROUNDS: usize = 3;
const RATIO_MAX: f64 = 1.5;

const SERVICES: usize = 20;
const BRANCHES_OF_A_SERVICE: usize = 100;
const RATIO_OF_MANY_MAX: f64 = 2.0;

const STATEMENT: &str = "UPDATE account SET balance = balance + ? WHERE user_id = ?";

fn main() -> ExitCode {
    let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join("compile-time");
    let services = [Service::new(&root, "by_hand", by_hand), Service::new(&root, "annotated", annotated)];
    Service::new(&root, "many", |_| many());
    prepare(&root);
    build(&root, "by_hand");
    build(&root, "annotated");
    let mut best = [[Duration::MAX; 2]; 2];
    for round in 1..=ROUNDS {
        for (service, best) in services.iter().zip(&mut best) {
            let (clean, touched) = (service.clean(), service.touched(round));
            best[0] = best[0].min(clean);
            best[1] = best[1].min(touched);
            println!("round {round}: {:10} from nothing {clean:.2?}, one body changed {touched:.2?}", service.name);
        }
    }
    let [by_hand, annotated] = best;
    let mut holds = true;
    for (what, n) in [("from nothing", 0), ("one body changed", 1)] {
        let ratio = annotated[n].as_secs_f64() / by_hand[n].as_secs_f64();
        println!("{what}: by hand {:.2?}, annotated {:.2?}, ratio {ratio:.2}", by_hand[n], annotated[n]);
        holds &= ratio < RATIO_MAX;
    }
    holds &= many_holds(&root, annotated[0]);
    println!(
        "compile_time: {BRANCHES} branches, at most {RATIO_MAX} {}",
        if holds { "holds" } else { "DOES NOT HOLD" }
    );
    if holds { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Whether the time of a branch is the same in a program of many, within a bound.
fn many_holds(root: &Path, of_few: Duration) -> bool {
    let branches = SERVICES * BRANCHES_OF_A_SERVICE;
    let clean = Service::new(root, "many", |_| many()).clean();
    let times_as_many = u32::try_from(branches / BRANCHES).expect("a small number");
    let ratio = clean.as_secs_f64() / (of_few * times_as_many).as_secs_f64();
    println!(
        "{branches} branches in {SERVICES} services: {clean:.2?}, a branch beside one of {BRANCHES}: ratio {ratio:.2}"
    );
    ratio < RATIO_OF_MANY_MAX
}

/// One of the libraries.
struct Service {
    root: PathBuf,
    name: &'static str,
    source: fn(usize) -> String,
}

impl Service {
    fn new(root: &Path, name: &'static str, source: fn(usize) -> String) -> Self {
        let service = Self { root: root.to_owned(), name, source };
        service.write("src/lib.rs", &source(0));
        service.write("Cargo.toml", &format!("{PACKAGE}\n[package]\nname = \"{name}\"\nedition = \"2024\"\n"));
        service
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.root.join(self.name).join(path);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder to write to");
        fs::write(path, text).expect("a file to write");
    }

    fn clean(&self) -> Duration {
        cargo(&self.root, &["clean", "-p", self.name]);
        build(&self.root, self.name)
    }

    /// Each round changes the same body in another way.
    fn touched(&self, round: usize) -> Duration {
        self.write("src/lib.rs", &(self.source)(round));
        build(&self.root, self.name)
    }
}

const PACKAGE: &str = r"
[dependencies]
axum.workspace = true
branchwire.workspace = true
serde.workspace = true
sqlx.workspace = true
";

/// The workspace of all, with the dependencies and the lock file of this one.
fn prepare(root: &Path) {
    let runtime = Path::new(env!("CARGO_MANIFEST_DIR"));
    let manifest = format!(
        r#"
[workspace]
members = ["by_hand", "annotated", "many"]
resolver = "3"

[workspace.dependencies]
axum = {{ version = "0.8", default-features = false, features = ["http1", "json", "query", "tokio"] }}
branchwire = {{ path = "{}" }}
serde = {{ version = "1", features = ["derive"] }}
sqlx = {{ version = "0.9", default-features = false, features = ["runtime-tokio", "sqlite"] }}

[profile.dev]
debug = "line-tables-only"
"#,
        runtime.display()
    );
    fs::write(root.join("Cargo.toml"), manifest).expect("a file to write");
    fs::copy(runtime.join("../Cargo.lock"), root.join("Cargo.lock")).expect("a lock file to copy");
}

fn build(root: &Path, package: &str) -> Duration {
    let start = Instant::now();
    cargo(root, &["build", "-p", package]);
    start.elapsed()
}

fn cargo(root: &Path, arguments: &[&str]) {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(arguments).args(["--quiet", "--offline"]).current_dir(root);
    command.env("CARGO_TARGET_DIR", root.join("target"));
    let status = command.status().expect("cargo runs");
    assert!(status.success(), "cargo {}: {status}", arguments.join(" "));
}

fn payloads() -> String {
    let mut source = String::new();
    for n in 0..BRANCHES {
        let fields = "pub user_id: i64, pub amount: i64";
        writeln!(source, "#[derive(serde::Serialize, serde::Deserialize)]\npub struct Transfer{n} {{ {fields} }}")
            .expect("a string to write to");
    }
    source
}

/// The statement of branch `n`; that of one branch in the middle depends on the round.
fn statement(n: usize, round: usize) -> String {
    if n == BRANCHES / 2 { format!("{STATEMENT} -- {round}") } else { STATEMENT.to_owned() }
}

fn annotated(round: usize) -> String {
    let mut branches = String::new();
    for n in 0..BRANCHES {
        let statement = statement(n, round);
        write!(
            branches,
            r#"
    #[msg_branch]
    pub async fn trans_in_{n}(tx: &mut Tx<Bank>, req: Transfer{n}) -> Result<(), Retry> {{
        sqlx::query("{statement}").bind(req.amount).bind(req.user_id).execute(&mut *tx).await?;
        Ok(())
    }}
"#
        )
        .expect("a string to write to");
    }
    format!(
        r#"use branchwire::prelude::*;

#[derive(Clone, Database)]
pub struct Bank(pub sqlx::SqlitePool);

{}
#[branchwire::service("/api/bank")]
pub mod bank {{
    use super::*;
{branches}
}}

pub fn app(bank: Bank) -> axum::Router {{
    bank::router().with_state(bank)
}}
"#,
        payloads()
    )
}

fn many() -> String {
    let (mut services, mut names) = (String::new(), String::new());
    for service in 0..SERVICES {
        let mut branches = String::new();
        for n in 0..BRANCHES_OF_A_SERVICE {
            write!(
                branches,
                r#"
    #[msg_branch]
    pub async fn handle_event_number_{n}(tx: &mut Tx<Bank>, req: i64) -> Result<(), Retry> {{
        sqlx::query("{STATEMENT}").bind(req).bind({n}).execute(&mut *tx).await?;
        Ok(())
    }}
"#
            )
            .expect("a string to write to");
        }
        write!(
            services,
            r#"
#[branchwire::service("/api/v1/tenant/service-{service}")]
pub mod service_{service} {{
    use super::*;
{branches}
}}
"#
        )
        .expect("a string to write to");
        write!(names, "service_{service}, ").expect("a string to write to");
    }
    format!(
        r"use branchwire::prelude::*;

#[derive(Clone, Database)]
pub struct Bank(pub sqlx::SqlitePool);
{services}
pub fn app(bank: Bank) -> axum::Router {{
    branchwire::services![{names}].with_state(bank)
}}
"
    )
}

fn by_hand(round: usize) -> String {
    let (mut handlers, mut routes) = (String::new(), String::new());
    for n in 0..BRANCHES {
        let statement = statement(n, round);
        write!(
            handlers,
            r#"
pub async fn trans_in_{n}(
    State(bank): State<Bank>,
    Json(req): Json<Transfer{n}>,
) -> Result<&'static str, StatusCode> {{
    let mut tx = bank.0.begin().await.map_err(failed)?;
    sqlx::query("{statement}").bind(req.amount).bind(req.user_id).execute(&mut *tx).await.map_err(failed)?;
    tx.commit().await.map_err(failed)?;
    Ok(SUCCESS)
}}
"#
        )
        .expect("a string to write to");
        writeln!(routes, "        .route(\"/api/bank/trans-in-{n}\", post(trans_in_{n}))")
            .expect("a string to write to");
    }
    format!(
        r##"use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use axum::{{Json, Router}};

const SUCCESS: &str = r#"{{"dtm_result":"SUCCESS"}}"#;

#[derive(Clone)]
pub struct Bank(pub sqlx::SqlitePool);

fn failed(_: sqlx::Error) -> StatusCode {{
    StatusCode::INTERNAL_SERVER_ERROR
}}

{}
{handlers}
pub fn app(bank: Bank) -> Router {{
    Router::new()
{routes}        .with_state(bank)
}}
"##,
        payloads()
    )
}
