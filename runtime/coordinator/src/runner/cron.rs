//! When to look at the store for what is due: neither late, nor without need.

use std::sync::Arc;
use std::time::Duration;

use super::core::Core;
use crate::store::Take;

/// How many transactions are taken from the store at once.
const TAKE_MAX: usize = 256;

/// How long to wait after the store failed.
const STORE_PAUSE: Duration = Duration::from_millis(500);

/// How often what is in memory is looked through for what others have carried on with.
const EXPIRE_EVERY: Duration = Duration::from_secs(10);

impl Core {
    /// Takes up whatever is due, until the process stops.
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
                    tracing::error!(%error, "the store cannot be asked for what is due");
                    tokio::select! {
                        biased;
                        () = tokio::time::sleep(STORE_PAUSE) => {}
                        () = self.stopping.cancelled() => {}
                    }
                }
            }
        }
    }

    /// Waits until something may be due. Several coordinators may share the store: others' rows are seen at the cron's
    /// pace.
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
                // Something is due earlier than what was known, which is no reason to ask the store before that time: where
                // one message comes after the other, each would cost a question.
                () = self.schedule.earlier.notified() => {}
            }
        }
    }

    /// Whether there may be more to take at once.
    async fn take_due(self: &Arc<Self>) -> Result<bool, crate::store::StoreError> {
        // A place first, then the work: what is taken can be run.
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
