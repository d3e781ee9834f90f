//! The CPU time of each party.

use std::ops::Sub;
use std::time::Duration;

use super::way::Way;
use crate::process::Process;

/// CPU time of each party.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cpu {
    /// Both banks.
    pub(super) banks: Duration,
    pub(super) coordinator: Option<Duration>,
    pub(super) database: Option<Duration>,
    /// This program.
    pub(super) customers: Duration,
}

impl Cpu {
    /// So far.
    pub(super) fn now(way: &Way) -> Self {
        Self {
            banks: way.banks.iter().map(|bank| bank.cpu()).sum(),
            coordinator: way.coordinator.map(Process::cpu),
            database: way.database.map(Process::cpu),
            customers: Process::own_cpu(),
        }
    }

    /// Once nobody does anything any more: what a transfer leaves to do later counts as well.
    pub(super) async fn at_rest(way: &Way) -> Self {
        let mut last = Self::now(way);
        for _ in 0..50 {
            tokio::time::sleep(Duration::from_millis(200)).await;
            let now = Self::now(way);
            let used = now - last;
            last = now;
            // One tick is noise.
            if used.banks + used.coordinator.unwrap_or_default() + used.database.unwrap_or_default()
                <= Duration::from_millis(10)
            {
                break;
            }
        }
        last
    }
}

impl Sub for Cpu {
    type Output = Self;

    fn sub(self, before: Self) -> Self {
        let both = |now: Option<Duration>, before: Option<Duration>| {
            now.zip(before).map(|(now, before)| now.saturating_sub(before))
        };
        Self {
            banks: self.banks.saturating_sub(before.banks),
            coordinator: both(self.coordinator, before.coordinator),
            database: both(self.database, before.database),
            customers: self.customers.saturating_sub(before.customers),
        }
    }
}
