//! The figures, for people and for programs.

use std::fmt;
use std::time::Duration;

use serde::Serialize;

use crate::measure::Cpu;
use crate::process::Coordinator;
use crate::work::{Cell, Done, Pattern};

/// The figures of one cell.
#[derive(Debug, Serialize)]
pub(crate) struct Row {
    coordinator: String,
    pattern: Pattern,
    branches: usize,
    in_flight: usize,
    messages: usize,
    /// Requests that were answered by a 5xx, and sent again.
    repeated: u64,
    per_second: f64,
    p50_ms: f64,
    p99_ms: f64,
    p999_ms: f64,
    max_ms: f64,
    coordinator_cpu_us: f64,
    database_cpu_us: Option<f64>,
    harness_cpu_us: f64,
    flushes: Option<f64>,
    peak_mib: f64,
}

#[expect(clippy::cast_precision_loss, reason = "for people")]
impl Row {
    pub(crate) fn new(coordinator: &Coordinator, cell: Cell, done: &Done, cpu: &Cpu, flushes: Option<u64>) -> Self {
        let messages = done.times.len();
        let count = messages.max(1) as f64;
        let each_us = |time: Duration| time.as_secs_f64() * 1e6 / count;
        let ms = |per_mille: usize| percentile(&done.times, per_mille).as_secs_f64() * 1e3;
        Self {
            coordinator: coordinator.name.clone(),
            pattern: cell.pattern,
            branches: cell.branches,
            in_flight: cell.in_flight,
            messages,
            repeated: done.repeated,
            per_second: count / done.length.as_secs_f64(),
            p50_ms: ms(500),
            p99_ms: ms(990),
            p999_ms: ms(999),
            max_ms: ms(1000),
            coordinator_cpu_us: each_us(cpu.coordinator),
            database_cpu_us: cpu.database.map(each_us),
            harness_cpu_us: each_us(cpu.harness),
            flushes: flushes.map(|flushes| flushes as f64 / count),
            peak_mib: coordinator.peak_memory() as f64 / f64::from(1 << 20),
        }
    }
}

/// The time that so many of a thousand do not exceed.
pub(crate) fn percentile(times: &[Duration], per_mille: usize) -> Duration {
    let rank = (times.len() * per_mille).div_ceil(1000).max(1);
    times.get(rank - 1).copied().unwrap_or_default()
}

/// All cells, in Markdown.
#[derive(Debug, Default)]
pub(crate) struct Table {
    rows: Vec<Row>,
}

impl Table {
    pub(crate) fn add(&mut self, row: Row) {
        self.rows.push(row);
    }

    pub(crate) fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// The first coordinator's figures as multiples of the second one's, cell by cell.
    fn ratios(&self) -> impl Iterator<Item = (&Row, &Row)> {
        let pairs = self.rows.windows(2).filter(|pair| pair[0].coordinator != pair[1].coordinator);
        pairs
            .map(|pair| (&pair[0], &pair[1]))
            .filter(|(one, two)| one.branches == two.branches && one.in_flight == two.in_flight)
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "| coordinator | branches | in flight | messages/s | p50 / p99 / p999 ms | CPU us: coordinator / database / \
             harness | flushes | peak MiB | 5xx |"
        )?;
        writeln!(f, "|---|---|---|---|---|---|---|---|---|")?;
        for row in &self.rows {
            writeln!(
                f,
                "| {} | {} | {} | {:.0} | {:.2} / {:.2} / {:.2} | {:.0} / {} / {:.0} | {} | {:.0} | {} |",
                row.coordinator,
                row.branches,
                row.in_flight,
                row.per_second,
                row.p50_ms,
                row.p99_ms,
                row.p999_ms,
                row.coordinator_cpu_us,
                row.database_cpu_us.map_or("-".to_owned(), |us| format!("{us:.0}")),
                row.harness_cpu_us,
                row.flushes.map_or("-".to_owned(), |flushes| format!("{flushes:.2}")),
                row.peak_mib,
                row.repeated,
            )?;
        }
        let mut first = true;
        for (one, two) in self.ratios() {
            if first {
                first = false;
                writeln!(
                    f,
                    "\n| {} to {} | in flight | messages/s | p50 | p99 | CPU |",
                    one.coordinator, two.coordinator
                )?;
                writeln!(f, "|---|---|---|---|---|---|")?;
            }
            let cpu = |row: &Row| row.coordinator_cpu_us + row.database_cpu_us.unwrap_or_default();
            writeln!(
                f,
                "| branches {} | {} | {:.1} | {:.2} | {:.2} | {:.2} |",
                one.branches,
                one.in_flight,
                one.per_second / two.per_second,
                one.p50_ms / two.p50_ms,
                one.p99_ms / two.p99_ms,
                cpu(one) / cpu(two),
            )?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_a_time_that_was_measured() {
        let times: Vec<_> = (1..=1000).map(Duration::from_millis).collect();
        for (per_mille, millis) in [(500, 500), (990, 990), (999, 999), (1000, 1000)] {
            assert_eq!(percentile(&times, per_mille), Duration::from_millis(millis));
        }
        assert_eq!(percentile(&times[..1], 500), Duration::from_millis(1));
        assert_eq!(percentile(&[], 500), Duration::ZERO);
    }
}
