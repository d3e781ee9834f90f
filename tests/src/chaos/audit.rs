//! Whether the books are right.

use std::collections::HashMap;
use std::fmt;
use std::time::{Duration, Instant};

use branchwire::Gid;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::bank::{ACCOUNTS, Books, OPENING_BALANCE};
use super::customer::{Answer, Told};
use super::{Failure, World};

/// How long everything may take to come to its end, once all is healed.
const END_TIMEOUT: Duration = Duration::from_mins(2);

/// What is not as it must be: the gids, by what is wrong.
#[derive(Debug, Default)]
pub(super) struct Differences {
    /// Money that is missing, or too much.
    balance: i64,
    /// Orders that were debited, and credited.
    done: usize,
    /// Applied more than once at one of the banks.
    twice: Vec<String>,
    /// Debited and not credited, or the other way round.
    half: Vec<String>,
    /// Told that it is done, and it is not; or that nothing happened, and it did.
    lies: Vec<String>,
    /// The coordinator has something else to say than the books.
    status: Vec<String>,
}

impl Differences {
    pub(super) fn count(&self) -> usize {
        let lists = [&self.twice, &self.half, &self.lies, &self.status];
        lists.iter().map(|list| list.len()).sum::<usize>() + usize::from(self.balance != 0)
    }
}

impl fmt::Display for Differences {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "books: {} orders carried out; {} differences (money {}, applied twice {:?}, half {:?}, told wrong {:?}, \
             status wrong {:?})",
            self.done,
            self.count(),
            self.balance,
            self.twice,
            self.half,
            self.lies,
            self.status
        )
    }
}

#[derive(Debug, Deserialize)]
struct All {
    transactions: Option<Vec<Transaction>>,
}

#[derive(Debug, Deserialize)]
struct Query {
    transaction: Option<Transaction>,
}

#[derive(Debug, Deserialize)]
struct Transaction {
    gid: Gid,
    status: String,
}

/// Waits until the coordinator at this address has nothing left to do. What waits for its next attempt is due at once.
pub(super) async fn await_the_end(coordinator: &str) -> Result<(), Failure> {
    let api = format!("{coordinator}/api/dtmsvr");
    let started = Instant::now();
    loop {
        let _: serde_json::Value = get(&format!("{api}/resetCronTime?timeout=1&limit=10000")).await?;
        let mut left = Vec::new();
        for status in ["prepared", "submitted", "aborting"] {
            let all: All = get(&format!("{api}/all?status={status}&limit=100")).await?;
            left.extend(all.transactions.unwrap_or_default());
        }
        let Some(one) = left.first() else { return Ok(()) };
        if started.elapsed() > END_TIMEOUT {
            return Err(format!("{} and others ({}) have not ended: {}", one.gid, left.len(), one.status).into());
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// Compares the banks' books with each other, with what the coordinator says, and with what customers were told.
pub(super) async fn compare(world: &World, told: &[Told]) -> Result<Differences, Failure> {
    let bank_a: Books = get(&format!("{}/books", world.bank_a.direct()?)).await?;
    let bank_b: Books = get(&format!("{}/books", world.bank_b.direct()?)).await?;
    let mut lines: HashMap<&str, [Vec<i64>; 2]> =
        told.iter().map(|told| (told.gid.as_str(), Default::default())).collect();
    for (bank, books) in [&bank_a, &bank_b].into_iter().enumerate() {
        for (gid, amount) in &books.lines {
            lines.entry(gid).or_default()[bank].push(*amount);
        }
    }
    let mut differences =
        Differences { balance: bank_a.balance + bank_b.balance - 2 * ACCOUNTS * OPENING_BALANCE, ..Default::default() };
    for (gid, [debits, credits]) in &lines {
        if debits.len() > 1 || credits.len() > 1 {
            differences.twice.push((*gid).to_owned());
        }
        if debits.iter().sum::<i64>() + credits.iter().sum::<i64>() != 0 {
            differences.half.push((*gid).to_owned());
        }
        differences.done += usize::from(!debits.is_empty());
    }
    let api = format!("{}/api/dtmsvr", world.coordinator.direct()?);
    for Told { gid, answer } in told {
        let is_done = !lines[gid.as_str()][0].is_empty();
        if (*answer == Answer::Done && !is_done) || (*answer == Answer::Nothing && is_done) {
            differences.lies.push(format!("{gid}: {answer:?}"));
        }
        let query: Query = get(&format!("{api}/query?gid={gid}")).await?;
        let status = query.transaction.map(|transaction| transaction.status);
        // One that never came so far is not there.
        let fits = match status.as_deref() {
            Some("succeed") => is_done,
            Some("failed") | None => !is_done,
            Some(_) => false,
        };
        if !fits {
            differences.status.push(gid.to_string());
        }
    }
    Ok(differences)
}

async fn get<T: DeserializeOwned>(url: &str) -> Result<T, Failure> {
    let client = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(30)).build()?;
    Ok(client.get(url).send().await?.error_for_status()?.json().await?)
}
