//! The metrics, for Prometheus.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use branchwire_protocol::{Answer, Status};
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;

/// A metric with one label: a family of counters under one name.
type Labelled = Family<[(&'static str, &'static str); 1], Counter>;

/// What was counted since the start of the process.
#[cfg(feature = "console")]
#[derive(Debug, Clone, Copy)]
pub(crate) struct CountedCalls {
    pub(crate) succeed: u64,
    pub(crate) failed: u64,
    pub(crate) calls: u64,
    /// Those of the calls that did not succeed.
    pub(crate) calls_troubled: u64,
    pub(crate) call_micros: u64,
}

/// Numbers by pattern.
type ByPattern = Family<[(&'static str, String); 1], Gauge>;

/// Why an alarm is raised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Alarm {
    /// Several rounds have brought no progress.
    NoProgress,
    /// A branch that must succeed has refused.
    Diverges,
    /// A row makes no sense, and is put aside.
    Parked,
}

/// One coordinator's metrics. Each one, also each member of a family, is a field: so counting is an atomic addition
/// without a look-up.
#[derive(Debug)]
pub(crate) struct Metrics {
    registry: Registry,
    pub(crate) in_memory: Gauge,
    pub(crate) writes_waiting: Gauge,
    pub(crate) writes: Counter,
    pub(crate) commits: Counter,
    call_seconds: Histogram,
    call_micros: AtomicU64,
    ended: Labelled,
    succeed: Counter,
    failed: Counter,
    calls: Labelled,
    calls_success: Counter,
    calls_failure: Counter,
    calls_ongoing: Counter,
    calls_unknown: Counter,
    alarms: Labelled,
    alarms_no_progress: Counter,
    alarms_diverges: Counter,
    alarms_parked: Counter,
    unfinished: ByPattern,
    prepared: ByPattern,
    retried: ByPattern,
    overdue: ByPattern,
    parked: ByPattern,
    oldest: ByPattern,
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let (ended, calls, alarms) = (Labelled::default(), Labelled::default(), Labelled::default());
        // Each counter exists from the start, so that a scraper sees a zero.
        let with = |family: &Labelled, label, value| family.get_or_create(&[(label, value)]).clone();
        let mut metrics = Self {
            registry: Registry::with_prefix("branchwire"),
            in_memory: Gauge::default(),
            writes_waiting: Gauge::default(),
            writes: Counter::default(),
            commits: Counter::default(),
            call_seconds: Histogram::new(exponential_buckets(0.001, 2.0, 14)),
            call_micros: AtomicU64::new(0),
            succeed: with(&ended, "status", Status::Succeed.as_str()),
            failed: with(&ended, "status", Status::Failed.as_str()),
            calls_success: with(&calls, "answer", "success"),
            calls_failure: with(&calls, "answer", "failure"),
            calls_ongoing: with(&calls, "answer", "ongoing"),
            calls_unknown: with(&calls, "answer", "unknown"),
            alarms_no_progress: with(&alarms, "reason", "no_progress"),
            alarms_diverges: with(&alarms, "reason", "diverges"),
            alarms_parked: with(&alarms, "reason", "parked"),
            ended,
            calls,
            alarms,
            unfinished: ByPattern::default(),
            prepared: ByPattern::default(),
            retried: ByPattern::default(),
            overdue: ByPattern::default(),
            parked: ByPattern::default(),
            oldest: ByPattern::default(),
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
        registry.register("alarms", "Transactions that an operator should look at", self.alarms.clone());
        for (name, help, gauges) in [
            ("transactions_unfinished", "Transactions that have not ended, in the whole store", &self.unfinished),
            ("transactions_prepared", "Those of them whose client may still submit them", &self.prepared),
            ("transactions_retried", "Those of them with a call that had to be repeated", &self.retried),
            ("transactions_overdue", "Those of them that should have ended", &self.overdue),
            ("transactions_parked", "Those of them that make no sense, and are put aside", &self.parked),
            ("transactions_oldest_age_seconds", "The age of the oldest of them that is not parked", &self.oldest),
        ] {
            registry.register(name, help, gauges.clone());
        }
    }

    /// The counter of alarms for this reason.
    pub(crate) fn alarms(&self, alarm: Alarm) -> &Counter {
        match alarm {
            Alarm::NoProgress => &self.alarms_no_progress,
            Alarm::Diverges => &self.alarms_diverges,
            Alarm::Parked => &self.alarms_parked,
        }
    }

    /// Shows how many transactions of a pattern are unfinished, prepared, retried, overdue and parked, and the age of the
    /// oldest in seconds.
    pub(crate) fn show_unfinished(&self, pattern: &str, numbers: [i64; 6]) {
        for (gauges, number) in self.by_pattern().into_iter().zip(numbers) {
            gauges.get_or_create(&[("pattern", pattern.to_owned())]).set(number);
        }
    }

    /// Nothing is known about them: shows no number.
    pub(crate) fn hide_unfinished(&self) {
        self.by_pattern().into_iter().for_each(Family::clear);
    }

    fn by_pattern(&self) -> [&ByPattern; 6] {
        [&self.unfinished, &self.prepared, &self.retried, &self.overdue, &self.parked, &self.oldest]
    }

    /// Counts a call with this answer, which took so long.
    pub(crate) fn called(&self, answer: Answer, took: Duration) {
        self.call_seconds.observe(took.as_secs_f64());
        self.call_micros.fetch_add(u64::try_from(took.as_micros()).unwrap_or(u64::MAX), Ordering::Relaxed);
        self.calls(answer).inc();
    }

    /// What was counted of calls and ends.
    #[cfg(feature = "console")]
    pub(crate) fn counted_calls(&self) -> CountedCalls {
        let troubled = [Answer::Failure, Answer::Ongoing, Answer::Unknown].map(|it| self.calls(it).get()).iter().sum();
        CountedCalls {
            succeed: self.succeed.get(),
            failed: self.failed.get(),
            calls: self.calls_success.get() + troubled,
            calls_troubled: troubled,
            call_micros: self.call_micros.load(Ordering::Relaxed),
        }
    }

    /// The counter of calls with this answer.
    fn calls(&self, answer: Answer) -> &Counter {
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
