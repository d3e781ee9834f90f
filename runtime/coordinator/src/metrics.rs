//! The metrics, for Prometheus.

use branchwire_protocol::{Answer, Status};
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;

/// A metric with one label: a family of counters under one name.
type Labelled = Family<[(&'static str, &'static str); 1], Counter>;

/// One coordinator's metrics. Each one, also each member of a family, is a field: so counting is an atomic addition
/// without a look-up.
#[derive(Debug)]
pub(crate) struct Metrics {
    registry: Registry,
    pub(crate) in_memory: Gauge,
    pub(crate) writes_waiting: Gauge,
    pub(crate) writes: Counter,
    pub(crate) commits: Counter,
    pub(crate) call_seconds: Histogram,
    ended: Labelled,
    succeed: Counter,
    failed: Counter,
    calls: Labelled,
    calls_success: Counter,
    calls_failure: Counter,
    calls_ongoing: Counter,
    calls_unknown: Counter,
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let (ended, calls) = (Labelled::default(), Labelled::default());
        // Each counter exists from the start, so that a scraper sees a zero.
        let with = |family: &Labelled, label, value| family.get_or_create(&[(label, value)]).clone();
        let mut metrics = Self {
            registry: Registry::with_prefix("branchwire"),
            in_memory: Gauge::default(),
            writes_waiting: Gauge::default(),
            writes: Counter::default(),
            commits: Counter::default(),
            call_seconds: Histogram::new(exponential_buckets(0.001, 2.0, 14)),
            succeed: with(&ended, "status", Status::Succeed.as_str()),
            failed: with(&ended, "status", Status::Failed.as_str()),
            calls_success: with(&calls, "answer", "success"),
            calls_failure: with(&calls, "answer", "failure"),
            calls_ongoing: with(&calls, "answer", "ongoing"),
            calls_unknown: with(&calls, "answer", "unknown"),
            ended,
            calls,
        };
        metrics.register();
        metrics
    }

    fn register(&mut self) {
        let registry = &mut self.registry;
        registry.register(
            "transactions_in_memory",
            "Running transactions, and prepared ones whose submit is expected",
            self.in_memory.clone(),
        );
        registry.register("store_writes_waiting", "Writes that are waiting for a commit", self.writes_waiting.clone());
        registry.register("store_writes", "Writes that were handed to the store", self.writes.clone());
        registry.register("store_commits", "Commits that these writes shared", self.commits.clone());
        registry.register("branch_call_seconds", "How long calls to branches took", self.call_seconds.clone());
        registry.register("transactions_ended", "Transactions that came to an end", self.ended.clone());
        registry.register("branch_calls", "Calls to branches and to query-prepared", self.calls.clone());
    }

    /// The counter of calls with this answer.
    pub(crate) fn calls(&self, answer: Answer) -> &Counter {
        match answer {
            Answer::Success => &self.calls_success,
            Answer::Failure => &self.calls_failure,
            Answer::Ongoing => &self.calls_ongoing,
            Answer::Unknown => &self.calls_unknown,
        }
    }

    /// Counts a transaction that has durably reached this status.
    pub(crate) fn reached(&self, status: Status) {
        match status {
            Status::Succeed => drop(self.succeed.inc()),
            Status::Failed => drop(self.failed.inc()),
            Status::Prepared | Status::Submitted | Status::Aborting => {}
        }
    }

    /// All of them, in Prometheus' text format.
    pub(crate) fn encode(&self) -> Result<String, std::fmt::Error> {
        let mut text = String::new();
        encode(&mut text, &self.registry)?;
        Ok(text)
    }
}
