//! Customers: they order, and remember what they were told.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use branchwire::Gid;
use serde::{Deserialize, Serialize};

use super::bank::{ACCOUNTS, OPENING_BALANCE, ORDER, Order};

/// What the bank said of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Answer {
    /// It is carried out: the money has left, and will arrive.
    Done,
    /// Nothing has happened, and nothing will.
    Nothing,
    /// It does not know, or there was no answer.
    Unknown,
}

/// An order, and what the customer was told of it.
#[derive(Debug, Clone)]
pub(crate) struct Told {
    pub(crate) gid: Gid,
    pub(crate) answer: Answer,
    /// When.
    pub(crate) at: Instant,
}

/// The time in which customers order.
#[derive(Debug, Default)]
pub(crate) struct Shift {
    over: AtomicBool,
    done: AtomicU64,
}

impl Shift {
    /// No more orders.
    pub(crate) fn end(&self) {
        self.over.store(true, Ordering::Relaxed);
    }

    /// How many orders were carried out so far, by what customers were told.
    pub(crate) fn done(&self) -> u64 {
        self.done.load(Ordering::Relaxed)
    }
}

/// Orders, one after the other.
pub(crate) async fn order_during(shift: Arc<Shift>, bank: String, seed: u64) -> Vec<Told> {
    let mut random = fastrand::Rng::with_seed(seed);
    let client = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(5)).build();
    let client = client.expect("an HTTP client");
    let mut told = Vec::new();
    while !shift.over.load(Ordering::Relaxed) {
        // Now and then more than there is.
        let amount = if random.u8(0..20) == 0 { 2 * OPENING_BALANCE * ACCOUNTS } else { random.i64(1..100) };
        let gid = Gid::random();
        let order = Order { gid: gid.clone(), from: random.i64(0..ACCOUNTS), to: random.i64(0..ACCOUNTS), amount };
        let answer = ask(&client, &bank, &order).await.unwrap_or(Answer::Unknown);
        told.push(Told { gid, answer, at: Instant::now() });
        shift.done.fetch_add(u64::from(answer == Answer::Done), Ordering::Relaxed);
        if answer == Answer::Unknown {
            // The bank is not there, most likely.
            tokio::time::sleep(Duration::from_millis(random.u64(5..50))).await;
        }
    }
    told
}

async fn ask(client: &reqwest::Client, bank: &str, order: &Order) -> Result<Answer, reqwest::Error> {
    client.post(format!("{bank}{ORDER}")).json(order).send().await?.error_for_status()?.json().await
}
