//! What a branch costs: its call beside the same axum handler with a bare sqlx transaction.
//!
//! `cargo bench -p branchwire-tests`. Both run in one process and in turn, on one database with its durable settings,
//! and are called without a socket: what HTTP costs, the same for both, would hide a part of the difference. Prints a
//! table, and a line of JSON for each of its rows.
//!
//! Five runs on 2 cores (AMD EPYC, 2026-11-25, nothing else running), a branch as a multiple of the bare handler:
//!
//! | database | in flight | runs | at most |
//! |---|---|---|---|
//! | SQLite | 1 | 1.13, 1.25, 1.17, 1.17, 1.13 | 1.15: missed |
//! | PostgreSQL | 1 | 1.27, 1.30, 1.29, 1.29, 1.27 | 1.35 |
//! | PostgreSQL | 16 | 1.31, 1.32, 1.34, 1.34, 1.34 | 1.35 |
//!
//! A bare transaction on SQLite takes some 200 us there, since a flush is quick. Of the 30 to 45 us that a branch adds,
//! about 10 are its row, 6 are what the handler does more, and most of the rest is that sqlx hands each statement's
//! result from the connection's thread to the caller's, and wakes it.
//! With 16 in flight the bare handlers on SQLite get into each other's way, and a branch takes a twentieth of their time.

use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::extract::{Json, State};
use axum::http::{Request, StatusCode};
use axum::routing::post;
use branchwire::protocol::Gid;
use branchwire::{Database, Reply};
use branchwire_tests::bank::{Bank, BankDriver};
use branchwire_tests::service::{Service, read};
use futures_util::future::join_all;
use sqlx::{Pool, Postgres, Sqlite};
use tower::ServiceExt;

/// Calls of each kind that are measured, and those before them that are not. In a turn each caller makes one: in short
/// turns, what else the machine does meets both alike.
const CALLS: usize = 6400;
const WARM_UP_CALLS: usize = 640;

/// Accounts that the calls spread over, so that they do not wait for each other's rows.
const ACCOUNTS: usize = 64;

/// A database that a bare transaction is written for.
trait Bare: BankDriver {
    const NAME: &'static str;

    /// What a call of a branch may cost, as a multiple of the bare handler.
    const RATIO_MAX: f64;

    /// Credits an account as a service without Branchwire does.
    fn credit_bare(
        pool: &Pool<Self>,
        account: i64,
        amount: i64,
    ) -> impl Future<Output = Result<(), sqlx::Error>> + Send;
}

macro_rules! bare {
    ($database:ty, $name:literal, $ratio_max:literal, $sql:literal) => {
        impl Bare for $database {
            const NAME: &'static str = $name;
            const RATIO_MAX: f64 = $ratio_max;

            async fn credit_bare(pool: &Pool<Self>, account: i64, amount: i64) -> Result<(), sqlx::Error> {
                let mut tx = pool.begin().await?;
                sqlx::query($sql).bind(amount).bind(account).execute(&mut *tx).await?;
                tx.commit().await
            }
        }
    };
}
bare!(Sqlite, "SQLite", 1.15, "UPDATE user_account SET balance = balance + ? WHERE user_id = ?");
bare!(Postgres, "PostgreSQL", 1.35, "UPDATE user_account SET balance = balance + $1 WHERE user_id = $2");

async fn bare<DB: Bare>(State(pool): State<Pool<DB>>, Json(account): Json<i64>) -> (StatusCode, &'static str) {
    match DB::credit_bare(&pool, account, 1).await {
        Ok(()) => (Reply::Success.status(), Reply::Success.body()),
        Err(_) => (Reply::Retry.status(), Reply::Retry.body()),
    }
}

#[tokio::main]
async fn main() {
    println!("database    in flight  bare us  branch us  ratio  at most");
    for in_flight in [1, 16] {
        measure::<Sqlite>(in_flight).await;
        measure::<Postgres>(in_flight).await;
    }
}

async fn measure<DB: Bare>(in_flight: usize) {
    let Some(bank) = Bank::<DB>::open().await else { return };
    branchwire::barrier::check(&bank).await.expect("a database fit for branches");
    for account in 3..=ACCOUNTS {
        let sql = format!("INSERT INTO user_account VALUES ({account}, 0)");
        DB::execute_outside(bank.pool(), &sql).await.expect("an account");
    }
    let branch = Service::new(&bank, |tx, account| Box::pin(async move { Ok(DB::credit(tx, account, 1).await?) }));
    let bare = Router::new().route("/bare", post(bare::<DB>)).with_state(bank.pool().clone());

    let call_branch = async |account: i64| branch.call(&Gid::random(), account).await;
    let call_bare = async |account: i64| {
        let request = Request::post("/bare").header("content-type", "application/json");
        let Ok(response) =
            bare.clone().oneshot(request.body(Body::from(account.to_string())).expect("a request")).await;
        read(response).await
    };
    let (mut bare_times, mut branch_times) = (Vec::new(), Vec::new());
    let warm_up = WARM_UP_CALLS / in_flight;
    for turn in 0..warm_up + CALLS / in_flight {
        // Who comes first changes, and with it whose writes meet the other's checkpoint.
        let (bare_time, branch_time) = if turn % 2 == 0 {
            let bare_time = time(turn, in_flight, &call_bare).await;
            (bare_time, time(turn, in_flight, &call_branch).await)
        } else {
            let branch_time = time(turn, in_flight, &call_branch).await;
            (time(turn, in_flight, &call_bare).await, branch_time)
        };
        if turn >= warm_up {
            bare_times.push(bare_time);
            branch_times.push(branch_time);
        }
    }
    report::<DB>(in_flight, median_us(bare_times, in_flight), median_us(branch_times, in_flight));
}

/// How long a turn takes: one call of each caller.
async fn time(turn: usize, in_flight: usize, call: &impl AsyncFn(i64) -> Reply) -> Duration {
    let started = Instant::now();
    join_all((0..in_flight).map(async |caller| {
        let account = i64::try_from((turn * in_flight + caller) % ACCOUNTS).expect("few accounts") + 1;
        assert_eq!(call(account).await, Reply::Success);
    }))
    .await;
    started.elapsed()
}

/// The median of turns, in microseconds a call.
fn median_us(mut turns: Vec<Duration>, in_flight: usize) -> f64 {
    turns.sort_unstable();
    turns[turns.len() / 2].as_secs_f64() * 1e6 / f64::from(u32::try_from(in_flight).expect("few callers"))
}

fn report<DB: Bare>(in_flight: usize, bare_us: f64, branch_us: f64) {
    let (name, ratio, ratio_max) = (<DB as Bare>::NAME, branch_us / bare_us, DB::RATIO_MAX);
    println!("{name:10}  {in_flight:9}  {bare_us:7.0}  {branch_us:9.0}  {ratio:5.2}  {ratio_max:7.2}");
    let line = serde_json::json!({
        "bench": "branch", "database": name, "in_flight": in_flight, "calls": CALLS,
        "bare_us": bare_us, "branch_us": branch_us, "ratio": ratio, "ratio_max": ratio_max,
    });
    println!("{line}");
}
