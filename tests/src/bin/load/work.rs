//! Sends the messages, and checks that they have ended.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use serde_json::json;
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::Failure;
use crate::client::Client;
use crate::host::Host;
use crate::process::Coordinator;

/// How long a branch may take to be called. Past that a message counts as lost.
const CALL_TIMEOUT: Duration = Duration::from_mins(1);

/// How long a coordinator may take to end a message after its calls.
const END_TIMEOUT: Duration = Duration::from_mins(1);

/// How many messages of a cell are checked one by one.
const LOOKED_AT_MAX: usize = 1000;

/// What is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Pattern {
    /// Messages.
    #[default]
    Msg,
    /// Sagas whose steps come one after another, and all succeed.
    Saga,
    /// TCCs that are confirmed.
    Tcc,
}

/// The plan of a cell.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cell {
    pub(crate) pattern: Pattern,
    /// Branches of a message.
    pub(crate) branches: usize,
    /// Messages at once.
    pub(crate) in_flight: usize,
    /// How long new messages are begun.
    pub(crate) length: Duration,
}

/// The result of a cell.
#[derive(Debug)]
pub(crate) struct Done {
    /// How long each message took, shortest first.
    pub(crate) times: Vec<Duration>,
    /// How long all of it took.
    pub(crate) length: Duration,
    /// How many requests were answered by a 5xx, and sent again.
    pub(crate) repeated: u64,
    /// Some of the gids.
    gids: Vec<String>,
}

/// When no more messages are begun.
#[derive(Debug)]
enum Until {
    Time(Instant),
    /// This many are left.
    Count(AtomicU64),
}

impl Until {
    fn goes_on(&self) -> bool {
        match self {
            Self::Time(end) => Instant::now() < *end,
            Self::Count(left) => {
                left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok()
            }
        }
    }
}

/// Works for the length of a cell.
pub(crate) async fn run(coordinator: &Coordinator, host: &Host, cell: Cell) -> Result<Done, Failure> {
    drive(coordinator, host, cell, |start| Until::Time(start + cell.length)).await
}

/// Brings `count` messages of one branch to their end; returns how many that were a second.
pub(crate) async fn fill(coordinator: &Coordinator, host: &Host, count: u64) -> Result<f64, Failure> {
    let cell = Cell { pattern: Pattern::Msg, branches: 1, in_flight: 128, length: Duration::ZERO };
    let done = drive(coordinator, host, cell, |_| Until::Count(count.into())).await?;
    check_ended(coordinator, &done).await?;
    #[expect(clippy::cast_precision_loss, reason = "for people")]
    Ok(count as f64 / done.length.as_secs_f64())
}

async fn drive(
    coordinator: &Coordinator,
    host: &Host,
    cell: Cell,
    until: impl FnOnce(Instant) -> Until,
) -> Result<Done, Failure> {
    let run = Uuid::new_v4().simple().to_string();
    let mut clients = Vec::with_capacity(cell.in_flight);
    for instance in coordinator.instances.iter().cycle().take(cell.in_flight) {
        // A connection to the host, for the calls that a client makes itself.
        let own = Client::connect(host.authority()).await?;
        clients.push((Client::connect(instance.authority.clone()).await?, own));
    }
    let start = Instant::now();
    let until = Arc::new(until(start));
    let mut workers = JoinSet::new();
    for (number, client) in clients.into_iter().enumerate() {
        workers.spawn(work(client, host.clone(), cell, format!("{run}-{number}"), until.clone()));
    }
    let mut times = Vec::new();
    let mut gids = Vec::new();
    let mut repeated = 0;
    while let Some(worker) = workers.join_next().await {
        let (name, worker_times, worker_repeated) = worker??;
        repeated += worker_repeated;
        gids.extend((0..worker_times.len()).map(|number| gid(&name, number)));
        times.extend(worker_times);
    }
    let length = start.elapsed();
    times.sort_unstable();
    let every = (gids.len() / LOOKED_AT_MAX).max(1);
    Ok(Done { times, length, repeated, gids: gids.into_iter().step_by(every).collect() })
}

/// One message after another.
async fn work(
    (mut client, mut own): (Client, Client),
    host: Host,
    cell: Cell,
    name: String,
    until: Arc<Until>,
) -> Result<(String, Vec<Duration>, u64), Failure> {
    let mut times = Vec::new();
    while until.goes_on() {
        let gid = gid(&name, times.len());
        let body = transaction(cell, &gid, &host.url());
        let called = host.expect(&gid, cell.branches);
        let start = Instant::now();
        if cell.pattern != Pattern::Saga {
            client.post("/api/dtmsvr/prepare", body.clone()).await?;
        }
        if cell.pattern == Pattern::Tcc {
            for number in 1..=cell.branches {
                client.post("/api/dtmsvr/registerBranch", registration(&gid, &host.url(), number)).await?;
                let query = format!("gid={gid}&trans_type=tcc&branch_id={number:02}&op=try");
                own.post(&format!("/branch?{query}"), Bytes::from_static(PAYLOAD.as_bytes())).await?;
            }
        }
        client.post("/api/dtmsvr/submit", body).await?;
        tokio::time::timeout(CALL_TIMEOUT, called)
            .await
            .map_err(|_| format!("the branches of {gid} were not called within {CALL_TIMEOUT:?}"))??;
        times.push(start.elapsed());
    }
    Ok((name, times, client.repeated()))
}

/// No gid begins with another one: some coordinators confuse the branches of such gids.
fn gid(worker: &str, number: usize) -> String {
    format!("{worker}-{number:09}")
}

/// The payload of each branch.
const PAYLOAD: &str = r#"{"user_id":2,"amount":30}"#;

fn transaction(cell: Cell, gid: &str, url: &str) -> Bytes {
    let steps = |step: serde_json::Value| vec![step; cell.branches];
    let payloads = vec![PAYLOAD; cell.branches];
    let transaction = match cell.pattern {
        Pattern::Msg => {
            let steps = steps(json!({ "action": url }));
            json!({ "gid": gid, "trans_type": "msg", "steps": steps, "payloads": payloads, "query_prepared": url })
        }
        Pattern::Saga => {
            let steps = steps(json!({ "action": url, "compensate": url }));
            json!({ "gid": gid, "trans_type": "saga", "steps": steps, "payloads": payloads })
        }
        Pattern::Tcc => json!({ "gid": gid, "trans_type": "tcc" }),
    };
    Bytes::from(transaction.to_string())
}

fn registration(gid: &str, url: &str, number: usize) -> Bytes {
    let branch_id = format!("{number:02}");
    let registration = json!({
        "gid": gid, "trans_type": "tcc", "branch_id": branch_id, "data": PAYLOAD, "confirm": url, "cancel": url,
    });
    Bytes::from(registration.to_string())
}

/// Checks that no message is unfinished, and that those checked one by one have succeeded.
pub(crate) async fn check_ended(coordinator: &Coordinator, done: &Done) -> Result<(), Failure> {
    let instance = coordinator.instances.first().ok_or("no coordinator")?;
    let mut client = Client::connect(instance.authority.clone()).await?;
    let start = Instant::now();
    for status in ["prepared", "submitted", "aborting"] {
        let path = format!("/api/dtmsvr/all?status={status}&limit=1");
        loop {
            let all = client.get(&path).await?;
            let Some(one) = all["transactions"].as_array().and_then(|list| list.first()) else { break };
            if start.elapsed() > END_TIMEOUT {
                return Err(format!("{} is still {status}", one["gid"]).into());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
    for gid in &done.gids {
        let found = client.get(&format!("/api/dtmsvr/query?gid={gid}")).await?;
        let status = &found["transaction"]["status"];
        if status != "succeed" {
            return Err(format!("{gid} is {status}, not succeed").into());
        }
    }
    Ok(())
}
