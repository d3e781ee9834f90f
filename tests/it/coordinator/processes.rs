//! Three coordinators as processes on one database, with money at stake: one is killed, one is paused past its leases.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use branchwire::client::Client;
use branchwire::{Done, MsgBranch, NotDone, QueryPrepared, ServiceUrl};
use branchwire_tests::bank::{ACCOUNT, Bank, BankDriver};
use branchwire_tests::database::TestDatabase;
use branchwire_tests::service::Service;
use serde_json::Value;
use tokio::net::TcpListener;

/// The variable with the program's arguments, for a test process that is started to run the program.
const PROGRAM: &str = "BRANCHWIRE_TEST_PROGRAM";

/// How many clients send at once.
const CLIENTS: usize = 6;

/// How long a run holds a transaction here: three times a call's time and two seconds.
const LEASE: Duration = Duration::from_secs(9);

/// A coordinator in a process of its own: this test program, started for that.
struct Process {
    child: Child,
    url: String,
}

impl Process {
    /// Starts one; `test` is the name of the test that runs the program in the new process.
    fn start(test: &str, store: &str) -> Self {
        let arguments = [
            "branchwire",
            "--listen=127.0.0.1:0",
            &format!("--store={store}"),
            "--request-timeout=1s",
            "--retry-interval=1s",
            "--timeout-to-fail=3s",
            "--cron-interval=300ms",
            "--log=error",
        ];
        let mut child = Command::new(std::env::current_exe().expect("this program"))
            .args(["--exact", "--nocapture", test])
            .env(PROGRAM, arguments.join("\n"))
            .stdout(Stdio::piped())
            .spawn()
            .expect("a process");
        let mut lines = BufReader::new(child.stdout.take().expect("it is piped")).lines().map_while(Result::ok);
        let said = lines.find_map(|line| Some(line.split_once("listening on ")?.1.to_owned()));
        Self { child, url: format!("{}/api/dtmsvr", said.expect("it listens")) }
    }

    /// Sends a signal.
    fn signal(&self, name: &str) {
        let kill = Command::new("kill").args(["-s", name, &self.child.id().to_string()]).status();
        assert!(kill.expect("kill runs").success());
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may be killed already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs the program if this process was started to do so.
fn be_the_program() {
    if let Ok(arguments) = std::env::var(PROGRAM) {
        branchwire_coordinator::cli::run(arguments.split('\n'));
        std::process::exit(0);
    }
}

async fn serve(router: Router) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("its address"));
    tokio::spawn(axum::serve(listener, router).into_future());
    url
}

/// The results of the clients' calls.
#[derive(Default)]
struct Told {
    committed: AtomicUsize,
    unknown: AtomicUsize,
    refused: AtomicUsize,
    not_started: AtomicUsize,
}

/// A bank that a message debits by two units, and one that its two branches credit by one unit each.
struct Banks<DB: BankDriver> {
    from: Bank<DB>,
    to: Bank<DB>,
    prepared: QueryPrepared<Bank<DB>>,
    branch: String,
    told: Told,
}

impl<DB: BankDriver> Banks<DB> {
    async fn open() -> Option<Arc<Self>> {
        let (from, to) = (Bank::<DB>::open().await?, Bank::<DB>::open().await?);
        let asked = Service::new(&from, |_, _| Box::pin(std::future::ready(Ok(()))));
        let credited =
            Service::new(&to, |tx, amount| Box::pin(async move { Ok(DB::credit(tx, ACCOUNT, amount).await?) }));
        let prepared = ServiceUrl::new(serve(asked.router()).await).expect("an address");
        let branch = format!("{}/branch", serve(credited.router()).await);
        let prepared = QueryPrepared::new(&prepared, "/prepared");
        Some(Arc::new(Self { from, to, prepared, branch, told: Told::default() }))
    }

    /// Sends one message through this coordinator. The business refuses every fifth one.
    async fn transfer(&self, coordinator: &Client, number: usize) {
        let branch = || MsgBranch::url(&self.branch, &1).expect("an address");
        let message = coordinator.msg(branch()).add(branch());
        let business = async |tx: &mut branchwire::Tx<Bank<DB>>| {
            DB::credit(tx, ACCOUNT, -2).await.map_err(|error| error.to_string())?;
            if number.is_multiple_of(5) { Err("no".to_owned()) } else { Ok(()) }
        };
        let count = match message.do_and_submit(self.prepared.clone(), &self.from, business).await {
            Ok(Done::Submitted { .. } | Done::Committed { .. }) => &self.told.committed,
            Ok(Done::Unknown { .. }) => &self.told.unknown,
            Ok(Done::Stopped { gid, .. }) => panic!("nobody stopped {gid}"),
            Ok(Done::EndedEarly { gid }) => panic!("{gid} was ended early"),
            Err(NotDone::RolledBack(_) | NotDone::NotCommitted(_)) => &self.told.refused,
            Err(NotDone::NotStarted(_) | NotDone::InProgress { .. }) => &self.told.not_started,
            Ok(Done::Repeated { gid, .. }) | Err(NotDone::GivenUp { gid } | NotDone::OtherMessage { gid }) => {
                panic!("nobody has used {gid} before")
            }
        };
        count.fetch_add(1, Ordering::Relaxed);
    }
}

/// Whether there are transactions in this status.
async fn some_are(coordinator: &Process, status: &str) -> bool {
    let url = format!("{}/all?status={status}&limit=1", coordinator.url);
    let all: Value = reqwest::get(url).await.expect("an answer").json().await.expect("JSON");
    all["transactions"].as_array().is_some_and(|list| !list.is_empty())
}

async fn money_survives<DB: BankDriver>(test: &str, store: TestDatabase) {
    let Some(banks) = Banks::<DB>::open().await else { return };
    let mut coordinators: Vec<_> = (0..3).map(|_| Process::start(test, store.url())).collect();
    let stop = Arc::new(AtomicBool::new(false));
    let clients: Vec<_> = (0..CLIENTS)
        .map(|client| {
            let (banks, stop) = (banks.clone(), stop.clone());
            let through: Vec<_> = coordinators
                .iter()
                .map(|one| Client::with_timeout(&one.url, Duration::from_secs(2)).expect("an address"))
                .collect();
            tokio::spawn(async move {
                for number in client.. {
                    if stop.load(Ordering::Relaxed) {
                        break;
                    }
                    banks.transfer(&through[number % 3], number).await;
                }
            })
        })
        .collect();

    tokio::time::sleep(Duration::from_secs(2)).await;
    coordinators[0].child.kill().expect("it is killed");
    coordinators[1].signal("STOP");
    // Others take over its work meanwhile; then it goes on with its old state.
    tokio::time::sleep(LEASE + Duration::from_secs(3)).await;
    coordinators[1].signal("CONT");
    tokio::time::sleep(Duration::from_secs(2)).await;
    stop.store(true, Ordering::Relaxed);
    for client in clients {
        client.await.expect("no panic");
    }

    let quiet = async {
        while some_are(&coordinators[2], "prepared").await || some_are(&coordinators[2], "submitted").await {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(Duration::from_mins(1), quiet).await.expect("everything comes to its end");
    let (from, to) = (banks.from.balance(ACCOUNT).await, banks.to.balance(ACCOUNT).await);
    assert_eq!(from + to, 0, "what was taken has arrived, once");
    let told = |count: &AtomicUsize| i64::try_from(count.load(Ordering::Relaxed)).expect("not that many");
    let (committed, unknown) = (told(&banks.told.committed), told(&banks.told.unknown));
    let transfers = to / 2;
    assert!(committed <= transfers && transfers <= committed + unknown, "{committed} + {unknown}, but {transfers}");
    let (refused, not_started) = (told(&banks.told.refused), told(&banks.told.not_started));
    assert!(committed > 10 && refused > 0 && not_started > 0, "{committed} {refused} {not_started}: a real load");
    println!("{committed} committed, {unknown} unknown, {refused} refused, {not_started} not started");
}

fn run(test: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime")
        .block_on(test);
}

#[test]
fn three_on_postgres_of_which_one_is_killed_and_one_is_paused_lose_nothing() {
    be_the_program();
    run(async {
        let test = "coordinator::processes::three_on_postgres_of_which_one_is_killed_and_one_is_paused_lose_nothing";
        if let Some(store) = TestDatabase::postgres().await {
            money_survives::<sqlx::Postgres>(test, store).await;
        }
    });
}

#[test]
fn three_on_mysql_of_which_one_is_killed_and_one_is_paused_lose_nothing() {
    be_the_program();
    run(async {
        let test = "coordinator::processes::three_on_mysql_of_which_one_is_killed_and_one_is_paused_lose_nothing";
        if let Some(store) = TestDatabase::mysql().await {
            money_survives::<sqlx::MySql>(test, store).await;
        }
    });
}
