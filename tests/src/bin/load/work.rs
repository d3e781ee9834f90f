//! The messages themselves, and whether they came to their end.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::Failure;
use crate::client::Client;
use crate::host::Host;
use crate::process::Coordinator;

/// How long a branch may take to be called. Past that a message counts as lost.
const CALL_TIMEOUT: Duration = Duration::from_mins(1);

/// How long a coordinator may take to end what it has called.
const END_TIMEOUT: Duration = Duration::from_mins(1);

/// So many messages of a cell are looked at one by one.
const LOOKED_AT_MAX: usize = 1000;

/// What to do.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cell {
    /// Branches of a message.
    pub(crate) branches: usize,
    /// Messages at once.
    pub(crate) in_flight: usize,
    /// How long new messages are begun.
    pub(crate) length: Duration,
}

/// What was done.
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

/// When to begin no more messages.
#[derive(Debug)]
enum Until {
    Time(Instant),
    /// So many are left.
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
    drive(coordinator, host, cell.branches, cell.in_flight, |start| Until::Time(start + cell.length)).await
}

/// Brings `count` messages of one branch to their end; gives how many it did a second.
pub(crate) async fn fill(coordinator: &Coordinator, host: &Host, count: u64) -> Result<f64, Failure> {
    let done = drive(coordinator, host, 1, 128, |_| Until::Count(count.into())).await?;
    check_ended(coordinator, &done).await?;
    #[expect(clippy::cast_precision_loss, reason = "for people")]
    Ok(count as f64 / done.length.as_secs_f64())
}

async fn drive(
    coordinator: &Coordinator,
    host: &Host,
    branches: usize,
    in_flight: usize,
    until: impl FnOnce(Instant) -> Until,
) -> Result<Done, Failure> {
    let run = Uuid::new_v4().simple().to_string();
    let mut clients = Vec::with_capacity(in_flight);
    for _ in 0..in_flight {
        clients.push(Client::connect(coordinator).await?);
    }
    let start = Instant::now();
    let until = Arc::new(until(start));
    let mut workers = JoinSet::new();
    for (number, client) in clients.into_iter().enumerate() {
        workers.spawn(work(client, host.clone(), branches, format!("{run}-{number}"), until.clone()));
    }
    let mut times = Vec::new();
    let mut gids = Vec::new();
    let mut repeated = 0;
    while let Some(worker) = workers.join_next().await {
        let (name, worker_times, client) = worker??;
        repeated += client.repeated();
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
    mut client: Client,
    host: Host,
    branches: usize,
    name: String,
    until: Arc<Until>,
) -> Result<(String, Vec<Duration>, Client), Failure> {
    let mut times = Vec::new();
    while until.goes_on() {
        let gid = gid(&name, times.len());
        let body = message(&gid, &host.url(), branches);
        let called = host.expect(&gid, branches);
        let start = Instant::now();
        client.post("/api/dtmsvr/prepare", body.clone()).await?;
        client.post("/api/dtmsvr/submit", body).await?;
        tokio::time::timeout(CALL_TIMEOUT, called)
            .await
            .map_err(|_| format!("the branches of {gid} were not called within {CALL_TIMEOUT:?}"))??;
        times.push(start.elapsed());
    }
    Ok((name, times, client))
}

/// No gid begins with another one: there are coordinators that mix the branches of such up.
fn gid(worker: &str, number: usize) -> String {
    format!("{worker}-{number:09}")
}

fn message(gid: &str, url: &str, branches: usize) -> Bytes {
    let steps: Vec<_> = (0..branches).map(|_| serde_json::json!({ "action": url })).collect();
    let payloads = vec![r#"{"user_id":2,"amount":30}"#; branches];
    let message = serde_json::json!({
        "gid": gid, "trans_type": "msg", "steps": steps, "payloads": payloads, "query_prepared": url,
    });
    Bytes::from(message.to_string())
}

/// Checks that nothing is left unfinished, and that the messages looked at one by one have succeeded.
pub(crate) async fn check_ended(coordinator: &Coordinator, done: &Done) -> Result<(), Failure> {
    let mut client = Client::connect(coordinator).await?;
    let start = Instant::now();
    for status in ["prepared", "submitted"] {
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
