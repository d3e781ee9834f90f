//! Removes finished transactions after a time, in small batches that do not disturb other work.

use std::sync::Arc;
use std::time::Duration;

use super::core::Core;
use crate::store::Sweep;

/// How many transactions one batch looks at.
const BATCH: u32 = 500;

/// The pause after a batch, so that removal is a small part of the store's load.
const PAUSE: Duration = Duration::from_millis(100);

/// The longest pause when there is nothing to remove.
const REST_MAX: Duration = Duration::from_mins(10);

impl Core {
    /// Removes transactions that ended more than `retention` ago, until the process stops.
    pub(super) async fn sweep(self: Arc<Self>, retention: Duration) {
        let rest = (retention / 10).clamp(PAUSE, REST_MAX);
        let mut after_id = 0;
        while !self.stopping.is_cancelled() {
            let now = self.clock.now().as_millis();
            let ended_before = now.saturating_sub(i64::try_from(retention.as_millis()).unwrap_or(i64::MAX));
            let sweep = Sweep { after_id, ended_before: crate::engine::Time::from_millis(ended_before), limit: BATCH };
            let pause = match self.store.sweep(&sweep).await {
                Ok(Some(last_id)) => {
                    after_id = last_id;
                    PAUSE
                }
                // The rest is too young. The next round finds transactions that ended since.
                Ok(None) => {
                    after_id = 0;
                    rest
                }
                Err(error) => {
                    tracing::warn!(%error, "finished transactions could not be removed");
                    rest
                }
            };
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = self.stopping.cancelled() => {}
            }
        }
    }
}
