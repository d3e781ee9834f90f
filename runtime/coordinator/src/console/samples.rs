//! The numbers of the last hour, in memory.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

/// How many are kept: an hour.
const KEPT: usize = 360;

/// The numbers at one moment. Those of calls and ends count from the start of the process.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Sample {
    /// In milliseconds since the Unix epoch.
    pub(super) at: i64,
    pub(super) succeed: u64,
    pub(super) failed: u64,
    pub(super) calls: u64,
    /// Those of the calls that did not succeed.
    pub(super) calls_troubled: u64,
    pub(super) call_micros: u64,
    pub(super) unfinished: i64,
    pub(super) overdue: i64,
}

/// The samples of the last hour, oldest first.
#[derive(Debug, Default)]
pub(super) struct Samples(Mutex<VecDeque<Sample>>);

impl Samples {
    pub(super) fn all(&self) -> Vec<Sample> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().copied().collect()
    }

    pub(super) fn push(&self, sample: Sample) {
        let mut samples = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if samples.len() >= KEPT {
            samples.pop_front();
        }
        samples.push_back(sample);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_hour_is_kept_and_no_more() {
        let samples = Samples::default();
        (0..1_000).for_each(|at| samples.push(Sample { at, ..Sample::default() }));
        let kept = samples.all();
        assert_eq!((kept.len(), kept[0].at), (KEPT, 640));
    }
}
