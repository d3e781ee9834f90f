//! Looks in the store for due transactions: in time, but no more often than necessary.

use std::sync::Arc;
use std::time::Duration;

use super::core::Core;
use crate::store::Take;

/// How many transactions are taken from the store at once.
const TAKE_MAX: usize = 256;

/// How long to wait after the store failed.
const STORE_PAUSE: Duration = Duration::from_millis(500);

/// How often to remove transactions from memory that other coordinators have taken over.
const EXPIRE_EVERY: Duration = Duration::from_secs(10);

impl Core {
    /// Runs due transactions, until the process stops.
    pub(crate) async fn schedule(self: Arc<Self>) {
        let mut expired = self.clock.now();
        while !self.stopping.is_cancelled() {
            if expired.until(self.clock.now()) >= EXPIRE_EVERY {
                expired = self.clock.now();
                self.slots.expire(expired);
            }
            match self.take_due().await {
                Ok(true) => {}
                Ok(false) => self.rest().await,
                Err(error) => {
                    tracing::error!(%error, "due transactions cannot be read from the store");
                    tokio::select! {
                        biased;
                        () = tokio::time::sleep(STORE_PAUSE) => {}
                        () = self.stopping.cancelled() => {}
                    }
                }
            }
        }
    }

    /// Waits until a transaction may be due. Rows of other coordinators on the same store are noticed only at the cron
    /// interval.
    async fn rest(&self) {
        let cron = tokio::time::sleep(self.settings.cron_interval);
        tokio::pin!(cron);
        loop {
            let wait = self.clock.now().until(self.schedule.next());
            tokio::select! {
                // In a fixed order, so that a simulation can be replayed exactly.
                biased;
                () = tokio::time::sleep(wait) => return,
                () = &mut cron => return,
                () = self.stopping.cancelled() => return,
                // A transaction will be due earlier than was known. Wait for its time instead of asking the store at
                // once: otherwise each message of a sequence would cost a query.
                () = self.schedule.earlier.notified() => {}
            }
        }
    }

    /// Takes due transactions; returns whether there may be more to take at once.
    async fn take_due(self: &Arc<Self>) -> Result<bool, crate::store::StoreError> {
        // First get a permit, then take: so each taken transaction can run.
        let Ok(first) = self.runs.clone().acquire_owned().await else { return Ok(false) };
        let limit = TAKE_MAX.min(self.runs.available_permits() + 1);
        self.schedule.forget();
        let now = self.clock.now();
        let take = Take {
            now,
            until: now.after(self.settings.defaults.lease()),
            owner: self.owner.clone(),
            limit: u32::try_from(limit).unwrap_or(u32::MAX),
        };
        let taken = self.store.take_due(&take).await?;
        if let Some(next_due) = taken.next_due {
            self.schedule.due_at(next_due);
        }
        let more = taken.rows.len() == limit;
        let mut place = Some(first);
        for row in taken.rows {
            let place = match place.take() {
                Some(place) => place,
                None => match self.runs.clone().acquire_owned().await {
                    Ok(place) => place,
                    Err(_) => return Ok(false),
                },
            };
            let core = self.clone();
            self.tasks.spawn(async move {
                core.due(row, take.until).await;
                drop(place);
            });
        }
        Ok(more)
    }
}
