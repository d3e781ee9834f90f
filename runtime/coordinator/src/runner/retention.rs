//! Finished transactions are removed after a time, in small bites that nobody notices.

use std::sync::Arc;
use std::time::Duration;

use super::core::Core;
use crate::store::Sweep;

/// How many transactions one bite looks at.
const BITE: u32 = 500;

/// The pause after a bite, so that it stays a small part of what the store does.
const PAUSE: Duration = Duration::from_millis(100);

/// The longest pause when there is nothing to remove.
const REST_MAX: Duration = Duration::from_mins(10);

impl Core {
    /// Removes what ended more than `retention` ago, until the process stops.
    pub(super) async fn sweep(self: Arc<Self>, retention: Duration) {
        let rest = (retention / 10).clamp(PAUSE, REST_MAX);
        let mut after_id = 0;
        while !self.stopping.is_cancelled() {
            let now = self.clock.now().as_millis();
            let ended_before = now.saturating_sub(i64::try_from(retention.as_millis()).unwrap_or(i64::MAX));
            let sweep = Sweep { after_id, ended_before: crate::engine::Time::from_millis(ended_before), limit: BITE };
            let pause = match self.store.sweep(&sweep).await {
                Ok(Some(last_id)) => {
                    after_id = last_id;
                    PAUSE
                }
                // The rest is too young. What is older now and was unfinished then is met in the next round.
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
