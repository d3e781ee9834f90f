//! Whether the books are right.

use std::collections::HashMap;
use std::fmt;
use std::time::{Duration, Instant};

use branchwire::Gid;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::Failure;
use super::bank::{ACCOUNTS, Books, OPENING_BALANCE};
use super::customer::{Answer, Told};

/// How long everything may take to come to its end, once all is healed.
const END_TIMEOUT: Duration = Duration::from_mins(2);

/// The differences: for each kind, the gids.
#[derive(Debug, Default)]
pub(crate) struct Differences {
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
    pub(crate) fn count(&self) -> usize {
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
pub(crate) async fn await_the_end(coordinator: &str) -> Result<(), Failure> {
    let api = format!("{coordinator}/api/dtmsvr");
    let (client, started) = (client()?, Instant::now());
    loop {
        let _: serde_json::Value = get(&client, &format!("{api}/resetCronTime?timeout=1&limit=10000")).await?;
        let mut left = Vec::new();
        for status in ["prepared", "submitted", "aborting"] {
            let all: All = get(&client, &format!("{api}/all?status={status}&limit=100")).await?;
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
    Ok(differences([&bank_a, &bank_b], &said, told))
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
    for (gid, [debits, credits]) in &lines {
        if debits.len() > 1 || credits.len() > 1 {
            differences.twice.push((*gid).to_owned());
        }
        if debits.iter().sum::<i64>() + credits.iter().sum::<i64>() != 0 {
            differences.half.push((*gid).to_owned());
        }
        differences.done += usize::from(!debits.is_empty());
    }
    for Told { gid, answer, .. } in told {
        let is_done = !lines[gid.as_str()][0].is_empty();
        if (*answer == Answer::Done && !is_done) || (*answer == Answer::Nothing && is_done) {
            differences.lies.push(format!("{gid}: {answer:?}"));
        }
        // One that never came so far is not there.
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
            Told { gid: gids[0].clone(), answer: Answer::Done, at },
            Told { gid: gids[1].clone(), answer: Answer::Nothing, at },
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
