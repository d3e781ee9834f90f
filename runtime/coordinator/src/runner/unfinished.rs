//! How many transactions are unfinished: counted in the store, but not for each who asks.

use std::time::Duration;

use tokio::time::Instant;

use super::core::Core;
use crate::engine::pattern::BUILT;
use crate::store::{StoreError, Unfinished};

/// How long a count is used. Several scrapers and open pages then cost no more than one.
const FRESH: Duration = Duration::from_secs(2);

impl Core {
    /// How many transactions are unfinished, one entry for each pattern that is built, at most two seconds old.
    pub(crate) async fn unfinished(&self) -> Result<Vec<Unfinished>, StoreError> {
        // Held while the store counts: others wait for this count.
        let mut counted = self.counted.lock().await;
        if let Some((at, numbers)) = &*counted
            && at.elapsed() < FRESH
        {
            return Ok(numbers.clone());
        }
        let stored = self.store.unfinished(self.clock.now()).await?;
        let of = |pattern: &str| {
            let none = || Unfinished { trans_type: pattern.to_owned(), ..Unfinished::default() };
            stored.iter().find(|it| it.trans_type == pattern).cloned().unwrap_or_else(none)
        };
        let numbers: Vec<_> = BUILT.iter().map(|pattern| of(pattern.as_str())).collect();
        *counted = Some((Instant::now(), numbers.clone()));
        Ok(numbers)
    }

    /// What this process has counted of its calls.
    #[cfg(feature = "console")]
    pub(crate) fn counted_calls(&self) -> crate::metrics::CountedCalls {
        self.metrics.counted_calls()
    }

    /// The metrics, as text. What the store does not tell is left out.
    pub(crate) async fn metrics_text(&self) -> Result<String, std::fmt::Error> {
        self.metrics.in_memory.set(i64::try_from(self.slots.len()).unwrap_or(i64::MAX));
        self.metrics.writes_waiting.set(i64::try_from(self.journal.waiting()).unwrap_or(i64::MAX));
        match self.unfinished().await {
            Ok(patterns) => {
                for it in patterns {
                    let numbers = [it.total, it.prepared, it.retried, it.overdue, it.parked, it.oldest_ms / 1000];
                    self.metrics.show_unfinished(&it.trans_type, numbers);
                }
            }
            Err(error) => {
                tracing::warn!(%error, "unfinished transactions cannot be counted");
                self.metrics.hide_unfinished();
            }
        }
        self.metrics.encode()
    }
}
