//! What an operator sees of an outbox.

use std::fmt;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::Outbox;
use crate::barrier::outbox_db::OutboxDb;

/// The state of an outbox.
///
/// Its text ([`Display`](fmt::Display)) is in the format of Prometheus, for the service's own metrics route.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Status {
    /// Messages in the database that are to be sent; those that are on their way count as well.
    pub waiting: u64,
    /// The age of the oldest of them. Above a minute it is worth an alarm: the coordinator is away, or takes one not.
    pub oldest: Duration,
    /// Messages in the database that the coordinator does not take. Above 0 it is worth an alarm.
    pub stuck: u64,
    /// Messages that this process has sent right after their commit.
    pub sent: u64,
    /// Messages that the relay of this process has sent.
    pub relayed: u64,
    /// Messages that this process has put aside.
    pub put_aside: u64,
    /// Whether this process found the coordinator away when it called it last.
    pub coordinator_away: bool,
}

impl<B: OutboxDb> Outbox<B> {
    /// How many messages wait, are stuck, and were sent.
    ///
    /// # Errors
    /// The database's own.
    pub async fn status(&self) -> Result<Status, sqlx::Error> {
        let counts = self.db.counts().await?;
        let shared = &self.inner.shared;
        Ok(Status {
            waiting: counts.waiting,
            oldest: counts.oldest.unwrap_or_default(),
            stuck: counts.stuck,
            sent: shared.sent.load(Ordering::Relaxed),
            relayed: shared.relayed.load(Ordering::Relaxed),
            put_aside: shared.put_aside.load(Ordering::Relaxed),
            coordinator_away: shared.away.load(Ordering::SeqCst),
        })
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let away = u64::from(self.coordinator_away);
        for (name, kind, value) in [
            ("branchwire_outbox_waiting", "gauge", self.waiting),
            ("branchwire_outbox_oldest_seconds", "gauge", self.oldest.as_secs()),
            ("branchwire_outbox_stuck", "gauge", self.stuck),
            ("branchwire_outbox_sent_total", "counter", self.sent),
            ("branchwire_outbox_relayed_total", "counter", self.relayed),
            ("branchwire_outbox_put_aside_total", "counter", self.put_aside),
            ("branchwire_outbox_coordinator_away", "gauge", away),
        ] {
            writeln!(f, "# TYPE {name} {kind}\n{name} {value}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_metric_is_in_the_table() {
        let text = Status::default().to_string();
        let names: Vec<_> = text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next()).collect();
        let table = include_str!("mod.rs");
        let rows: Vec<_> = table.lines().filter_map(|line| line.strip_prefix("//! | `branchwire_outbox_")).collect();
        assert_eq!(names.len(), rows.len());
        for name in names {
            assert!(table.contains(&format!("//! | `{name}` | ")), "{name}");
        }
    }
}
