//! The outbox table of a simulated database.

use std::collections::BTreeMap;
use std::time::Duration;

use branchwire::Gid;
use branchwire::outbox::Stuck;
use branchwire::simulation::{Claim, Claimed, Counts, OutboxDb, OutboxRecord, OutboxRow, OutboxState, PutBack, Wait};
use tokio::time::Instant;

use super::Bug;
use super::database::{Connection, Transaction};

/// Longer than any run lasts.
const NEVER: Duration = Duration::from_hours(24 * 365);

/// A row.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    state: OutboxState,
    body: String,
    created: Instant,
    due: Instant,
    owner: String,
    refusals: u32,
}

impl Entry {
    /// Whether it is to be sent.
    pub(super) fn waits(&self) -> bool {
        self.state == OutboxState::Waiting
    }

    /// Whether it says that its local transaction never commits.
    pub(super) fn is_given_up(&self) -> bool {
        self.state == OutboxState::RolledBack
    }
}

/// Writes these changes into the table.
pub(super) fn apply(table: &mut BTreeMap<String, Entry>, changes: &BTreeMap<String, Option<Entry>>) {
    for (gid, entry) in changes {
        match entry {
            Some(entry) => drop(table.insert(gid.clone(), entry.clone())),
            None => drop(table.remove(gid)),
        }
    }
}

impl Connection {
    fn lease(&self, lease: Duration) -> Duration {
        if self.bug() == Some(Bug::LeaseNeverEnds) { NEVER } else { lease }
    }
}

impl OutboxDb for Connection {
    async fn begin_with_message(&self, wait: Wait, row: OutboxRow<'_>) -> Result<(Transaction, bool), sqlx::Error> {
        let now = Instant::now();
        let lease = self.lease(Duration::from_millis(row.due_in_ms.unsigned_abs()));
        let lease = if self.bug() == Some(Bug::SentFromOpenTransaction) { Duration::ZERO } else { lease };
        let is_marked = self.bug() == Some(Bug::MarkedWhenAnswered) && row.state == OutboxState::Waiting;
        let entry = Entry {
            state: if is_marked { OutboxState::Sent } else { row.state },
            body: row.body.to_owned(),
            created: now,
            due: now + lease,
            owner: row.owner.to_owned(),
            refusals: 0,
        };
        self.begin_with_entry(wait, row.gid, entry).await
    }

    async fn durable_message(&self, gid: &Gid) -> Result<Option<OutboxRecord>, sqlx::Error> {
        let read = |table: &BTreeMap<String, Entry>| {
            table.get(gid.as_str()).map(|entry| OutboxRecord { state: entry.state, body: entry.body.clone() })
        };
        self.on_outbox("read outbox", |table| (read(table), BTreeMap::new())).await
    }

    async fn claim(&self, owner: &str, lease: Duration, rows: u32) -> Result<Claim, sqlx::Error> {
        let (now, bug, lease) = (Instant::now(), self.bug(), self.lease(lease));
        self.on_outbox("claim", |table| {
            let mut due: Vec<_> = table.iter().filter(|(_, entry)| entry.waits() && entry.due <= now).collect();
            due.sort_by_key(|(_, entry)| entry.due);
            due.truncate(usize::try_from(rows).unwrap_or(usize::MAX));
            let (mut claim, mut changes) = (Claim::default(), BTreeMap::new());
            for (gid, entry) in due {
                claim.rows.push(Claimed {
                    gid: gid.clone(),
                    body: entry.body.clone(),
                    refusals: entry.refusals,
                    age: now - entry.created,
                });
                let mut entry = Entry { owner: owner.to_owned(), due: now + lease, ..entry.clone() };
                if bug == Some(Bug::MarkedBeforeAcknowledged) {
                    entry.state = OutboxState::Sent;
                }
                changes.insert(gid.clone(), Some(entry));
            }
            let next = table.values().filter(|entry| entry.waits()).map(|entry| entry.due).min();
            claim.next_due = next.map(|due| due.saturating_duration_since(now));
            // What an open transaction has written is only read.
            if bug == Some(Bug::SentFromOpenTransaction) {
                changes.clear();
            }
            (claim, changes)
        })
        .await
    }

    async fn mark_sent(&self, gids: &[String]) -> Result<(), sqlx::Error> {
        let (now, bug) = (Instant::now(), self.bug());
        self.on_outbox("mark sent", |table| {
            let waiting = gids.iter().filter_map(|gid| Some((gid, table.get(gid).filter(|entry| entry.waits())?)));
            let sent = waiting.map(|(gid, entry)| {
                let sent = Entry { state: OutboxState::Sent, body: String::new(), due: now, ..entry.clone() };
                (gid.clone(), Some(sent).filter(|_| bug != Some(Bug::RemovedWhenSent)))
            });
            ((), sent.collect())
        })
        .await
    }

    async fn put_back(&self, gids: &[String], owner: &str, how: PutBack) -> Result<(), sqlx::Error> {
        let now = Instant::now();
        self.on_outbox("put back", |table| {
            let of_owner = |entry: &&Entry| entry.waits() && entry.owner == owner;
            let mine = gids.iter().filter_map(|gid| Some((gid, table.get(gid).filter(of_owner)?)));
            let back = mine.map(|(gid, entry)| {
                let refusals = entry.refusals + u32::from(how.refused);
                (gid.clone(), Some(Entry { due: now + how.after, refusals, ..entry.clone() }))
            });
            ((), back.collect())
        })
        .await
    }

    async fn set_aside(&self, gid: &str, _: &str) -> Result<(), sqlx::Error> {
        self.on_outbox("set aside", |table| {
            let entry = table.get(gid).filter(|entry| entry.waits());
            let aside = entry.map(|entry| Entry { state: OutboxState::Aside, ..entry.clone() });
            ((), aside.map(|entry| (gid.to_owned(), Some(entry))).into_iter().collect())
        })
        .await
    }

    async fn retry_stuck(&self) -> Result<u64, sqlx::Error> {
        unreachable!("nobody looks at what is stuck in this world: it is a violation")
    }

    async fn stuck(&self, _: u32) -> Result<Vec<Stuck>, sqlx::Error> {
        unreachable!("nobody looks at what is stuck in this world: it is a violation")
    }

    async fn counts(&self) -> Result<Counts, sqlx::Error> {
        unreachable!("this world has no metrics")
    }
}
