//! The settings of a runner, with the coordinator's defaults.

use std::time::Duration;

use url::Url;

use crate::engine::Defaults;
use crate::traces::Traces;

/// The settings of a runner.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) defaults: Defaults,
    /// The longest time between two looks for due transactions in the store.
    pub(crate) cron_interval: Duration,
    /// How many transactions taken from the store run at once.
    pub(crate) runs_max: usize,
    /// How many idle transactions stay in memory.
    pub(crate) idle_max: usize,
    /// How many transactions may be in memory before new ones are refused.
    pub(crate) in_memory_max: usize,
    /// How long finished transactions are kept; `None`: for ever.
    pub(crate) retention: Option<Duration>,
    /// Whether each branch's progress is durable before the next call.
    pub(crate) branch_progress_sync: bool,
    /// Where alerts are sent.
    pub(crate) alert_url: Option<Url>,
    /// The spans of requests and calls.
    pub(crate) traces: Traces,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            defaults: Defaults::default(),
            cron_interval: Duration::from_secs(3),
            runs_max: 4096,
            idle_max: 50_000,
            in_memory_max: 100_000,
            retention: None,
            branch_progress_sync: false,
            alert_url: None,
            traces: Traces::default(),
        }
    }
}
