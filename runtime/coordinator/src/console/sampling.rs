//! Takes the numbers of the last hour.

use std::sync::Arc;
use std::time::Duration;

use super::samples::Sample;
use super::shared::Shared;
use crate::store::Unfinished;

/// How often the numbers are taken.
const EVERY: Duration = Duration::from_secs(10);

/// A store that is slow to count is asked so much more seldom that counting is a small part of its work.
const REST: u32 = 20;

/// Takes samples until the coordinator stops.
pub(super) fn start(shared: &Arc<Shared>) {
    let shared = shared.clone();
    let stopping = shared.core.stopping.clone();
    tokio::spawn(async move {
        let taking = async {
            loop {
                let begun = tokio::time::Instant::now();
                if let Ok(patterns) = shared.core.unfinished().await {
                    shared.samples.push(now(&shared, &patterns));
                }
                tokio::time::sleep(EVERY.max(begun.elapsed() * REST)).await;
            }
        };
        tokio::select! {
            () = taking => {}
            () = stopping.cancelled() => {}
        }
    });
}

/// The numbers of this moment.
pub(super) fn now(shared: &Shared, patterns: &[Unfinished]) -> Sample {
    let counted = shared.core.counted_calls();
    Sample {
        at: shared.now(),
        succeed: counted.succeed,
        failed: counted.failed,
        calls: counted.calls,
        calls_troubled: counted.calls_troubled,
        call_micros: counted.call_micros,
        unfinished: patterns.iter().map(|it| it.total).sum(),
        overdue: patterns.iter().map(|it| it.overdue).sum(),
    }
}
