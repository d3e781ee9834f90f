//! The result of a round.

use std::collections::BTreeMap;
use std::fmt;
use std::time::{Duration, Instant};

use super::Change;
use crate::chaos::audit::Differences;
use crate::chaos::customer::{Answer, Told};

/// The result of a round.
#[derive(Debug)]
pub struct Report {
    pub(super) seed: u64,
    pub(super) length: Duration,
    pub(super) changes: Vec<Change>,
    pub(super) told: Vec<Told>,
    pub(super) differences: Differences,
}

impl Report {
    /// Whether the books are right.
    pub fn is_good(&self) -> bool {
        self.differences.count() == 0
    }

    /// How many customers were told that their order is carried out.
    pub fn told_done(&self) -> usize {
        self.told.iter().filter(|told| told.answer == Answer::Done).count()
    }

    /// The times at which customers were told that their order is carried out, in order.
    fn done(&self) -> Vec<Instant> {
        let mut done: Vec<_> =
            self.told.iter().filter(|told| told.answer == Answer::Done).map(|told| told.at).collect();
        done.sort();
        done
    }

    /// The longest time in which no order was carried out.
    fn longest_pause(&self) -> Duration {
        self.done().windows(2).map(|pair| pair[1] - pair[0]).max().unwrap_or_default()
    }

    /// For each change the time until the next order was carried out; shortest first.
    fn recoveries(&self) -> Vec<Duration> {
        let done = self.done();
        let first_after =
            |change: &Change| done.get(done.partition_point(|at| *at < change.usable)).map(|at| *at - change.usable);
        let mut recoveries: Vec<_> = self.changes.iter().filter_map(first_after).collect();
        recoveries.sort();
        recoveries
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = |answer| self.told.iter().filter(|told| told.answer == answer).count();
        let mut kinds = BTreeMap::new();
        for change in &self.changes {
            *kinds.entry(change.what).or_insert(0) += 1;
        }
        writeln!(f, "seed {}, {:.0} s:", self.seed, self.length.as_secs_f64())?;
        for (what, times) in kinds {
            writeln!(f, "  {times} {what}")?;
        }
        writeln!(
            f,
            "  orders {}: told done {}, told nothing happened {}, not told {}",
            self.told.len(),
            count(Answer::Done),
            count(Answer::Nothing),
            count(Answer::Unknown),
        )?;
        let recoveries = self.recoveries();
        let seconds = |place: usize| recoveries.get(place).map_or(0.0, Duration::as_secs_f64);
        writeln!(
            f,
            "  longest pause {:.1} s; the next order after the database was there again: median {:.1} s, at most {:.1} s",
            self.longest_pause().as_secs_f64(),
            seconds(recoveries.len() / 2),
            seconds(recoveries.len().saturating_sub(1)),
        )?;
        write!(f, "  {}", self.differences)
    }
}
