//! Whether the books are right.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::time::{Duration, Instant};

use branchwire::Gid;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::Failure;
use super::bank::{ACCOUNTS, Books, OPENING_BALANCE, OUTBOX, Queue};
use super::customer::{Answer, Told};

/// How long it may take after the healing until another transaction ends. A long queue needs time on a slow machine.
const END_TIMEOUT: Duration = Duration::from_mins(2);

/// The differences: for each kind, the gids.
#[derive(Debug, Default)]
pub(crate) struct Differences {
    /// Missing or surplus money.
    balance: i64,
    /// Orders that were debited, and credited.
    done: usize,
    /// Orders that a bank has booked, and undone.
    undone: usize,
    /// Applied, or undone, more than once at one of the banks.
    twice: Vec<String>,
    /// Debited and not credited, or undone by one of the banks alone.
    half: Vec<String>,
    /// The customer was told that it is done, and it is not; or that nothing happened, and it did.
    lies: Vec<String>,
    /// The coordinator and the books say different things.
    status: Vec<String>,
    /// In an outbox, and the coordinator does not take it.
    stuck: Vec<String>,
}

impl Differences {
    /// How many orders were undone.
    pub(crate) fn undone(&self) -> usize {
        self.undone
    }

    pub(crate) fn count(&self) -> usize {
        let lists = [&self.twice, &self.half, &self.lies, &self.status, &self.stuck];
        lists.iter().map(|list| list.len()).sum::<usize>() + usize::from(self.balance != 0)
    }
}

impl fmt::Display for Differences {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "books: {} orders carried out, {} undone; {} differences (money {}, applied twice {:?}, half {:?}, told wrong {:?}, \
             status wrong {:?}, stuck {:?})",
            self.done,
            self.undone,
            self.count(),
            self.balance,
            self.twice,
            self.half,
            self.lies,
            self.status,
            self.stuck
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

/// Waits until the coordinator at this address has nothing left to do. A transaction that waits for its next attempt is
/// due at once.
pub(crate) async fn await_the_end(coordinator: &str) -> Result<(), Failure> {
    let api = format!("{coordinator}/api/dtmsvr");
    let client = client()?;
    let (mut last, mut since) = (None, Instant::now());
    loop {
        let left = unfinished(&client, &api).await;
        if left.as_ref().is_ok_and(HashMap::is_empty) {
            return Ok(());
        }
        let gids: Option<HashSet<Gid>> = left.as_ref().ok().map(|left| left.keys().cloned().collect());
        if gids.is_some() && gids != last {
            (last, since) = (gids, Instant::now());
        } else if since.elapsed() > END_TIMEOUT {
            return Err(format!("no transaction has ended for {END_TIMEOUT:?}: {left:?}").into());
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// Waits until nothing is to be sent any more from the outbox of the bank at this address.
pub(crate) async fn await_outbox(bank: &str) -> Result<(), Failure> {
    let client = client()?;
    let (mut last, mut since) = (None, Instant::now());
    loop {
        let left = queue(&client, bank).await.map(|queue| queue.waiting);
        match &left {
            Ok(0) => return Ok(()),
            Ok(left) if last != Some(*left) => (last, since) = (Some(*left), Instant::now()),
            _ if since.elapsed() > END_TIMEOUT => {
                return Err(format!("no message of the outbox was sent for {END_TIMEOUT:?}: {left:?}").into());
            }
            _ => {}
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// What is in the outbox of the bank at this address.
async fn queue(client: &reqwest::Client, bank: &str) -> Result<Queue, Failure> {
    Ok(client.post(format!("{bank}{OUTBOX}")).send().await?.error_for_status()?.json().await?)
}

/// Some of the transactions that have not ended, with their status.
async fn unfinished(client: &reqwest::Client, api: &str) -> Result<HashMap<Gid, String>, Failure> {
    let _: serde_json::Value = get(client, &format!("{api}/resetCronTime?timeout=1&limit=10000")).await?;
    let mut left = HashMap::new();
    for status in ["prepared", "submitted", "aborting"] {
        let all: All = get(client, &format!("{api}/all?status={status}&limit=100")).await?;
        left.extend(all.transactions.unwrap_or_default().into_iter().map(|one| (one.gid, one.status)));
    }
    Ok(left)
}

/// Compares the banks' books with each other, with what the coordinator says, and with what customers were told.
pub(crate) async fn compare(coordinator: &str, banks: &[String; 2], told: &[Told]) -> Result<Differences, Failure> {
    let client = client()?;
    let bank_a: Books = get(&client, &format!("{}/books", banks[0])).await?;
    let bank_b: Books = get(&client, &format!("{}/books", banks[1])).await?;
    let api = format!("{coordinator}/api/dtmsvr");
    let mut said = HashMap::new();
    for Told { gid, .. } in told {
        let query: Query = get(&client, &format!("{api}/query?gid={gid}")).await?;
        if let Some(transaction) = query.transaction {
            said.insert(transaction.gid, transaction.status);
        }
    }
    let stuck = queue(&client, &banks[0]).await?.stuck;
    Ok(Differences { stuck, ..differences([&bank_a, &bank_b], &said, told) })
}

/// `said` is the status of each transaction that the coordinator knows.
fn differences(banks: [&Books; 2], said: &HashMap<Gid, String>, told: &[Told]) -> Differences {
    let mut lines: HashMap<&str, [Vec<i64>; 2]> =
        told.iter().map(|told| (told.gid.as_str(), Default::default())).collect();
    for (bank, books) in banks.into_iter().enumerate() {
        for (gid, amount) in &books.lines {
            lines.entry(gid).or_default()[bank].push(*amount);
        }
    }
    let balance: i64 = banks.iter().map(|books| books.balance).sum();
    let mut differences = Differences { balance: balance - 2 * ACCOUNTS * OPENING_BALANCE, ..Default::default() };
    for (gid, of_banks) in &lines {
        // A line, and perhaps a line that undoes it.
        if of_banks.iter().any(|lines| lines.len() > 2 || (lines.len() == 2 && lines[0] != -lines[1])) {
            differences.twice.push((*gid).to_owned());
        }
        if of_banks.iter().flatten().sum::<i64>() != 0 {
            differences.half.push((*gid).to_owned());
        }
        differences.done += usize::from(of_banks[0].iter().sum::<i64>() != 0);
        differences.undone += usize::from(of_banks.iter().any(|lines| lines.len() == 2));
    }
    for Told { gid, answer, .. } in told {
        let is_done = lines[gid.as_str()][0].iter().sum::<i64>() != 0;
        if (*answer == Answer::Done && !is_done) || (*answer == Answer::Nothing && is_done) {
            differences.lies.push(format!("{gid}: {answer:?}"));
        }
        // An order that never came so far has no line.
        let fits = match said.get(gid).map(String::as_str) {
            Some("succeed") => is_done,
            Some("failed") | None => !is_done,
            Some(_) => false,
        };
        if !fits {
            differences.status.push(gid.to_string());
        }
    }
    differences
}

fn client() -> Result<reqwest::Client, reqwest::Error> {
    reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(30)).build()
}

async fn get<T: DeserializeOwned>(client: &reqwest::Client, url: &str) -> Result<T, Failure> {
    Ok(client.get(url).send().await?.error_for_status()?.json().await?)
}

#[cfg(test)]
mod tests {
    use super::super::bank::Pattern;
    use super::*;

    /// Two orders, of which `gids[0]` was carried out and `gids[1]` was not.
    fn right() -> ([Gid; 2], [Books; 2], HashMap<Gid, String>, Vec<Told>) {
        let gids = [Gid::random(), Gid::random()];
        let bank = |amount: i64| Books {
            balance: ACCOUNTS * OPENING_BALANCE + amount,
            lines: vec![(gids[0].to_string(), amount)],
        };
        let at = Instant::now();
        let told = vec![
            Told { gid: gids[0].clone(), pattern: Pattern::Msg, answer: Answer::Done, at },
            Told { gid: gids[1].clone(), pattern: Pattern::Msg, answer: Answer::Nothing, at },
        ];
        let said = HashMap::from([(gids[0].clone(), "succeed".to_owned()), (gids[1].clone(), "failed".to_owned())]);
        let books = [bank(-30), bank(30)];
        (gids, books, said, told)
    }

    #[test]
    fn books_that_agree_have_no_differences() {
        let (_, [a, b], said, mut told) = right();
        assert_eq!(differences([&a, &b], &said, &told).count(), 0);
        // A customer without an answer was told nothing false.
        for told in &mut told {
            told.answer = Answer::Unknown;
        }
        assert_eq!(differences([&a, &b], &said, &told).count(), 0);
    }

    #[test]
    fn an_order_that_both_banks_have_undone_did_not_happen() {
        let (_, [mut a, mut b], mut said, mut told) = right();
        for books in [&mut a, &mut b] {
            let (gid, amount) = books.lines[0].clone();
            books.lines.push((gid, -amount));
            books.balance -= amount;
        }
        told[0].answer = Answer::Nothing;
        said.insert(told[0].gid.clone(), "failed".to_owned());
        let right = differences([&a, &b], &said, &told);
        assert_eq!((right.count(), right.done, right.undone), (0, 0, 1));
        // Undone once more, at both banks.
        for books in [&mut a, &mut b] {
            books.lines.push(books.lines[1].clone());
        }
        assert_eq!(differences([&a, &b], &said, &told).twice.len(), 1);
    }

    #[test]
    fn each_kind_of_difference_is_found() {
        let (_, [a, mut b], said, told) = right();
        b.balance += 1;
        assert_eq!(differences([&a, &b], &said, &told).balance, 1);

        let (_, [a, mut b], said, told) = right();
        b.lines.push(b.lines[0].clone());
        assert_eq!(differences([&a, &b], &said, &told).twice.len(), 1, "credited twice");

        let (_, [a, mut b], said, told) = right();
        b.lines.clear();
        assert_eq!(differences([&a, &b], &said, &told).half.len(), 1, "never credited");

        let (_, [a, b], said, mut told) = right();
        told[0].answer = Answer::Nothing;
        told[1].answer = Answer::Done;
        assert_eq!(differences([&a, &b], &said, &told).lies.len(), 2);

        for status in ["succeed", "submitted"] {
            let (gids, [a, b], mut said, told) = right();
            said.insert(gids[1].clone(), status.to_owned());
            assert_eq!(differences([&a, &b], &said, &told).status.len(), 1, "{status} and not done");
        }
        let (gids, [a, b], mut said, told) = right();
        said.remove(&gids[0]);
        assert_eq!(differences([&a, &b], &said, &told).status.len(), 1, "done and not known");
    }
}
