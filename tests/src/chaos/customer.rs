//! Customers: they order, and remember what they were told.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use branchwire::Gid;
use serde::{Deserialize, Serialize};

use super::bank::{ACCOUNTS, OPENING_BALANCE, ORDER, Order, Pattern, Refusal};

/// What the bank said of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Answer {
    /// It is carried out: the money has left this account, and will arrive.
    Done,
    /// Nothing has happened, and nothing will.
    Nothing,
    /// The bank does not know, or there was no answer.
    Unknown,
}

/// An order, and what the customer was told of it.
#[derive(Debug, Clone)]
pub(crate) struct Told {
    pub(crate) gid: Gid,
    pub(crate) pattern: Pattern,
    pub(crate) answer: Answer,
    /// When.
    pub(crate) at: Instant,
}

/// The time in which customers order.
#[derive(Debug, Default)]
pub(crate) struct Shift {
    over: AtomicBool,
    done: AtomicU64,
    done_by_outbox: AtomicU64,
}

impl Shift {
    /// No more orders.
    pub(crate) fn end(&self) {
        self.over.store(true, Ordering::Relaxed);
    }

    /// How many customers were told so far that their order is carried out.
    pub(crate) fn done(&self) -> u64 {
        self.done.load(Ordering::Relaxed)
    }

    /// How many of them by an outbox.
    pub(super) fn done_by_outbox(&self) -> u64 {
        self.done_by_outbox.load(Ordering::Relaxed)
    }
}

/// Orders, one after the other.
pub(crate) async fn order_during(shift: Arc<Shift>, bank: String, seed: u64) -> Vec<Told> {
    let mut random = fastrand::Rng::with_seed(seed);
    let client = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(5)).build();
    let client = client.expect("an HTTP client");
    let mut told = Vec::new();
    while !shift.over.load(Ordering::Relaxed) {
        // Sometimes more than the account has.
        let amount = if random.u8(0..20) == 0 { 2 * OPENING_BALANCE * ACCOUNTS } else { random.i64(1..100) };
        let gid = Gid::random();
        let (from, to) = (random.i64(0..ACCOUNTS), random.i64(0..ACCOUNTS));
        let (pattern, refusal) = match random.u8(0..10) {
            0..2 => (Pattern::Msg, Refusal::None),
            2 => (Pattern::Outbox, Refusal::None),
            3 => (Pattern::AtCommit, Refusal::None),
            4 => (Pattern::Saga, Refusal::None),
            5 => (Pattern::Saga, Refusal::AtOnce),
            6 => (Pattern::Saga, Refusal::AtTheEnd),
            7 => (Pattern::Tcc, Refusal::None),
            8 => (Pattern::Tcc, Refusal::AtOnce),
            _ => (Pattern::Tcc, Refusal::AtTheEnd),
        };
        let order = Order { gid: gid.clone(), from, to, amount, pattern, refusal };
        let answer = ask(&client, &bank, &order).await.unwrap_or(Answer::Unknown);
        told.push(Told { gid, pattern, answer, at: Instant::now() });
        let done = u64::from(answer == Answer::Done);
        shift.done.fetch_add(done, Ordering::Relaxed);
        shift.done_by_outbox.fetch_add(if pattern.is_by_outbox() { done } else { 0 }, Ordering::Relaxed);
        if answer == Answer::Unknown {
            // The bank is probably down.
            tokio::time::sleep(Duration::from_millis(random.u64(5..50))).await;
        }
    }
    told
}

async fn ask(client: &reqwest::Client, bank: &str, order: &Order) -> Result<Answer, reqwest::Error> {
    client.post(format!("{bank}{ORDER}")).json(order).send().await?.error_for_status()?.json().await
}
