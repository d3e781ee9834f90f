//! The cost of a branch: its call, compared with the same axum handler with a bare sqlx transaction.
//!
//! `cargo bench -p branchwire-tests --bench branch`. Four handlers run in one process and in turn, on one database
//! with its durable settings: the branch, the same branch with a `RecyclingPool`, the bare one, and one by hand, which
//! inserts the barrier's row with sqlx and so shows the cost of that one statement. They are called without a socket: the
//! cost of HTTP is the same for all, and would hide a part of the difference. Prints a table, and a line of JSON for each
//! of its rows; a row is the median of five rounds, each on a database of its own.
//!
//! Five runs on 2 cores (a virtual machine on an AMD EPYC, 2026-11-25), as multiples of the bare handler:
//!
//! | database | in flight | branch | at most | by hand |
//! |---|---|---|---|---|
//! | SQLite | 1 | 1.04, 1.04, 1.03, 1.05, 1.02 | 1.15 | 1.11 to 1.21 |
//! | PostgreSQL | 1 | 1.24, 1.24, 1.24, 1.27, 1.26 | 1.35 | 1.20 to 1.22 |
//! | PostgreSQL | 16 | 1.30, 1.32, 1.32, 1.33, 1.32 | 1.35 | 1.25 to 1.28 |
//! | SQLite, `--idle` | 1 | 1.14, 1.17, 1.18, 1.09, 1.17 | | 1.11 to 1.14 |
//!
//! On SQLite sqlx hands each statement to the connection's thread and back. The branch begins and inserts in one such
//! round trip, the handler by hand in two. For the first row the processors are kept awake: an idle processor may
//! sleep, above all a virtual one, and then wakes up late at random waits of a handler. With `-- --idle` they may
//! sleep, and the figures then say as much about that as about the handlers.

use std::num::NonZero;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use branchwire::protocol::Gid;
use branchwire::{Database, RecyclingPool, Reply};
use branchwire_tests::bank::{Bank, BankDriver};
use branchwire_tests::service::read;
use clap::Parser;
use futures_util::future::join_all;
use sqlx::{Pool, Postgres, Sqlite};
use tower::ServiceExt;

/// How many calls of each handler are measured in a round, and how many come before them. In a turn each caller makes
/// one call. Turns are short, so that other load of the machine hits all handlers alike.
const CALLS: usize = 3200;
const WARM_UP_CALLS: usize = 640;

/// How many rounds there are: the scheduling of threads and disk differs from one start to the next.
const ROUNDS: usize = 5;

/// Accounts that the calls spread over, so that they do not wait for each other's rows.
const ACCOUNTS: usize = 64;

/// A database for which an account's credit is written three times.
trait Credits: BankDriver {
    const NAME: &'static str;

    /// The highest allowed cost of a branch's call, as a multiple of the bare handler's.
    const RATIO_MAX: f64;

    /// The handlers, at the paths of [`HANDLERS`]; the last one has a pool of its own.
    fn router(pool: Pool<Self>, recycling: RecyclingPool<Self>) -> Router;
}

macro_rules! credits {
    ($service:ident, $driver:ident, $name:literal, $ratio_max:literal, $credit:literal, $row:literal) => {
        mod $service {
            use axum::Router;
            use axum::extract::{Json, State};
            use axum::http::StatusCode;
            use axum::routing::post;
            use branchwire::prelude::*;
            use branchwire::{RecyclingPool, Reply};
            use sqlx::{Pool, $driver};

            #[derive(Clone, Database)]
            struct Bank(Pool<$driver>);

            #[msg_branch]
            async fn credit(tx: &mut Tx<Bank>, account: i64) -> Result<(), Retry> {
                sqlx::query($credit).bind(account).execute(&mut *tx).await?;
                Ok(())
            }

            #[derive(Clone, Database)]
            struct Recycling(RecyclingPool<$driver>);

            #[msg_branch]
            async fn recycled(tx: &mut Tx<Recycling>, account: i64) -> Result<(), Retry> {
                sqlx::query($credit).bind(account).execute(&mut *tx).await?;
                Ok(())
            }

            async fn bare(State(bank): State<Bank>, Json(account): Json<i64>) -> (StatusCode, &'static str) {
                let credited: Result<(), sqlx::Error> = async {
                    let mut tx = bank.0.begin().await?;
                    sqlx::query($credit).bind(account).execute(&mut *tx).await?;
                    tx.commit().await
                }
                .await;
                answer(credited)
            }

            async fn by_hand(
                State(bank): State<Bank>,
                call: BranchContext,
                Json(account): Json<i64>,
            ) -> (StatusCode, &'static str) {
                let credited: Result<(), sqlx::Error> = async {
                    let mut tx = bank.0.begin().await?;
                    let op = call.op.as_str();
                    let row = sqlx::query($row).bind(call.trans_type.as_str()).bind(call.gid.as_str());
                    let row = row.bind(call.branch_id.as_str()).bind(op).bind("01").bind(op);
                    if row.execute(&mut *tx).await?.rows_affected() == 1 {
                        sqlx::query($credit).bind(account).execute(&mut *tx).await?;
                    }
                    tx.commit().await
                }
                .await;
                answer(credited)
            }

            fn answer(credited: Result<(), sqlx::Error>) -> (StatusCode, &'static str) {
                let reply = credited.map_or(Reply::Retry, |()| Reply::Success);
                (reply.status(), reply.body())
            }

            impl super::Credits for $driver {
                const NAME: &'static str = $name;
                const RATIO_MAX: f64 = $ratio_max;

                fn router(pool: Pool<Self>, recycling: RecyclingPool<Self>) -> Router {
                    let bare = Router::new().route("/bare", post(bare)).route("/by-hand", post(by_hand));
                    let recycled = Router::new().branch::<recycled>().with_state(Recycling(recycling));
                    bare.branch::<credit>().with_state(Bank(pool)).merge(recycled)
                }
            }
        }
    };
}
credits!(
    sqlite,
    Sqlite,
    "SQLite",
    1.15,
    "UPDATE user_account SET balance = balance + 1 WHERE user_id = ?",
    "INSERT INTO dtm_barrier_barrier (trans_type, gid, branch_id, op, barrier_id, reason) VALUES (?, ?, ?, ?, ?, ?) \
     ON CONFLICT DO NOTHING"
);
credits!(
    postgres,
    Postgres,
    "PostgreSQL",
    1.35,
    "UPDATE user_account SET balance = balance + 1 WHERE user_id = $1",
    "INSERT INTO dtm_barrier.barrier (trans_type, gid, branch_id, op, barrier_id, reason) \
     VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING"
);

/// Keeps the processors awake.
struct Awake(Vec<Child>);

impl Awake {
    /// One busy thread a processor, in the scheduling class that runs only if nothing else does.
    fn new() -> Self {
        let processors = std::thread::available_parallelism().map_or(1, NonZero::get);
        let spin = format!("while kill -0 {}; do :; done", std::process::id());
        let spinner = || Command::new("chrt").args(["--idle", "0", "sh", "-c", &spin]).stderr(Stdio::null()).spawn();
        let spinners: Vec<_> = (0..processors).map_while(|_| spinner().ok()).collect();
        if spinners.len() < processors {
            println!("without `chrt` (util-linux) the processors may sleep: the ratios then hold chance as well");
        }
        Self(spinners)
    }
}

impl Drop for Awake {
    fn drop(&mut self) {
        for spinner in &mut self.0 {
            spinner.kill().and_then(|()| spinner.wait()).expect("a process of our own");
        }
    }
}

/// Measures the cost of a branch, compared with a bare handler.
#[derive(Debug, Parser)]
#[command(name = "branch")]
struct Options {
    /// Lets the processors sleep.
    #[arg(long)]
    idle: bool,

    /// Given by cargo.
    #[arg(long, hide = true)]
    bench: bool,
}

#[tokio::main]
async fn main() {
    let options = Options::parse();
    println!("database    in flight  bare us  by hand us  branch us  recycled us  by hand  branch  recycled  at most");
    {
        // On SQLite only: with PostgreSQL, the processes of another user would share the processors with these threads.
        let _awake = (!options.idle).then(Awake::new);
        report::<Sqlite>(1).await;
    }
    for in_flight in [1, 16] {
        report::<Postgres>(in_flight).await;
    }
}

/// The paths of the handlers, in the order of the table.
const HANDLERS: [&str; 4] = ["/bare", "/by-hand", "/credit", "/recycled"];

/// One round: the median time of a call of each handler, in microseconds. `None` without a server.
async fn round<DB: Credits>(in_flight: u32) -> Option<[f64; 4]> {
    let bank = Bank::<DB>::open().await?;
    branchwire::barrier::set_up(&bank).await.expect("a database ready for branches");
    for account in 3..=ACCOUNTS {
        let sql = format!("INSERT INTO user_account VALUES ({account}, 0)");
        DB::execute_outside(bank.pool(), &sql).await.expect("an account");
    }
    let recycling = bank.another_pool(10).await.pool().clone().into();
    let router = DB::router(bank.pool().clone(), recycling);
    let mut times = [const { Vec::new() }; HANDLERS.len()];
    let callers = usize::try_from(in_flight).expect("few callers");
    let warm_up = WARM_UP_CALLS / callers;
    for turn in 0..warm_up + CALLS / callers {
        // The first handler changes from turn to turn, and so does the one whose writes meet another's checkpoint.
        for handler in (0..HANDLERS.len()).map(|place| (turn + place) % HANDLERS.len()) {
            let time = time(&router, turn, callers, HANDLERS[handler]).await;
            if turn >= warm_up {
                times[handler].push(time.as_secs_f64() * 1e6 / f64::from(in_flight));
            }
        }
    }
    Some(times.map(|mut times| median(&mut times)))
}

/// How long a turn takes: one call of each caller, from the request to the answer's body.
async fn time(router: &Router, turn: usize, callers: usize, path: &str) -> Duration {
    let calls: Vec<_> = (0..callers)
        .map(|caller| {
            let account = (turn * callers + caller) % ACCOUNTS + 1;
            let uri = format!("{path}?gid={}&trans_type=msg&branch_id=01&op=action", Gid::random());
            let request = Request::post(uri).header("content-type", "application/json");
            (router.clone(), request.body(Body::from(account.to_string())).expect("a request"))
        })
        .collect();
    let started = Instant::now();
    let replies = join_all(calls.into_iter().map(async |(router, request)| {
        let Ok(response) = router.oneshot(request).await;
        read(response).await
    }))
    .await;
    let elapsed = started.elapsed();
    assert!(replies.iter().all(|reply| *reply == Reply::Success), "{replies:?}");
    elapsed
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    values[values.len() / 2]
}

async fn report<DB: Credits>(in_flight: u32) {
    let mut rounds = Vec::new();
    for _ in 0..ROUNDS {
        let Some(round) = round::<DB>(in_flight).await else { return };
        rounds.push(round);
    }
    let of_rounds = |figure: fn(&[f64; 4]) -> f64| median(&mut rounds.iter().map(figure).collect::<Vec<_>>());
    let [bare_us, by_hand_us] = [of_rounds(|us| us[0]), of_rounds(|us| us[1])];
    let [branch_us, recycled_us] = [of_rounds(|us| us[2]), of_rounds(|us| us[3])];
    let [by_hand, branch] = [of_rounds(|us| us[1] / us[0]), of_rounds(|us| us[2] / us[0])];
    let recycled = of_rounds(|us| us[3] / us[0]);
    let (name, ratio_max) = (<DB as Credits>::NAME, DB::RATIO_MAX);
    println!(
        "{name:10}  {in_flight:9}  {bare_us:7.0}  {by_hand_us:10.0}  {branch_us:9.0}  {recycled_us:11.0}  {by_hand:7.2}  \
         {branch:6.2}  {recycled:8.2}  {ratio_max:7.2}"
    );
    let line = serde_json::json!({
        "bench": "branch", "database": name, "in_flight": in_flight, "calls": CALLS, "bare_us": bare_us,
        "by_hand_us": by_hand_us, "branch_us": branch_us, "recycled_us": recycled_us, "by_hand": by_hand,
        "branch": branch, "recycled": recycled, "ratio_max": ratio_max,
    });
    println!("{line}");
}
