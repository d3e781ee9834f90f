//! The customers: each orders one transfer after another.

use std::time::{Duration, Instant};

use bytes::Bytes;
use serde_json::json;
use tokio::task::JoinSet;
use uuid::Uuid;

use super::way::Way;
use crate::Failure;
use crate::client::Client;

/// How much is transferred, in cents.
const AMOUNT_CENTS: i64 = 1;

/// How long the last credits may take. Past that they count as lost.
const LANDING_TIMEOUT: Duration = Duration::from_mins(1);

/// How often it is asked whether every credit has landed.
const ASK_EVERY: Duration = Duration::from_millis(5);

/// What was done.
#[derive(Debug)]
pub(super) struct Done {
    /// How long each customer waited for its answer, shortest first.
    pub(super) times: Vec<Duration>,
    /// From the first order until the last credit has landed.
    pub(super) length: Duration,
    /// How many orders were answered by a 5xx, and sent again.
    pub(super) repeated: u64,
}

/// Lets so many customers order for so long; returns once every credit has landed.
pub(super) async fn run(way: &Way, in_flight: usize, length: Duration) -> Result<Done, Failure> {
    let (left_before, arrived_before) = (way.ledger.left().await?, way.ledger.arrived().await?);
    let run = Uuid::new_v4().simple().to_string();
    let mut customers = JoinSet::new();
    let mut clients = Vec::with_capacity(in_flight);
    for _ in 0..in_flight {
        clients.push(Client::connect(way.authority.clone()).await?);
    }
    let start = Instant::now();
    for (number, client) in clients.into_iter().enumerate() {
        customers.spawn(order(client, format!("{run}-{number}"), way.ledger.accounts, start + length));
    }
    let (mut times, mut repeated) = (Vec::new(), 0);
    while let Some(customer) = customers.join_next().await {
        let (its_times, its_repeated) = customer??;
        times.extend(its_times);
        repeated += its_repeated;
    }
    let ordered = i64::try_from(times.len())? * AMOUNT_CENTS;
    let last_answer = Instant::now();
    loop {
        let arrived = way.ledger.arrived().await? - arrived_before;
        if arrived == ordered {
            break;
        }
        if arrived > ordered || last_answer.elapsed() > LANDING_TIMEOUT {
            return Err(format!("{}: {ordered} cents were ordered, and {arrived} have arrived", way.name).into());
        }
        tokio::time::sleep(ASK_EVERY).await;
    }
    let length = start.elapsed();
    let left = way.ledger.left().await? - left_before;
    if left != ordered {
        return Err(format!("{}: {ordered} cents have arrived, and {left} have left", way.name).into());
    }
    times.sort_unstable();
    Ok(Done { times, length, repeated })
}

/// One transfer after another, between accounts at random.
async fn order(mut client: Client, name: String, accounts: u32, end: Instant) -> Result<(Vec<Duration>, u64), Failure> {
    let mut times = Vec::new();
    while Instant::now() < end {
        let (from, to) = (fastrand::u32(1..=accounts), fastrand::u32(1..=accounts));
        let order = format!("{name}-{:09}", times.len());
        let order = json!({ "order": order, "from": from, "to": to, "amount": AMOUNT_CENTS });
        let body = Bytes::from(order.to_string());
        let start = Instant::now();
        client.post("/api/bank-a/transfer", body).await?;
        times.push(start.elapsed());
    }
    Ok((times, client.repeated()))
}
