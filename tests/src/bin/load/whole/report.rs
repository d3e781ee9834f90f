//! The figures of the whole way, for people and for programs.

use std::fmt;
use std::time::Duration;

use serde::Serialize;

use super::cost::Cpu;
use super::customer::Done;
use super::way::Way;
use crate::report::percentile;

/// The figures of one cell.
#[derive(Debug, Serialize)]
pub(super) struct Row {
    way: &'static str,
    in_flight: usize,
    transfers: usize,
    /// Orders that were answered by a 5xx, and sent again.
    repeated: u64,
    per_second: f64,
    p50_ms: f64,
    p99_ms: f64,
    max_ms: f64,
    banks_cpu_us: f64,
    coordinator_cpu_us: Option<f64>,
    database_cpu_us: Option<f64>,
    customers_cpu_us: f64,
    flushes: Option<f64>,
    banks_peak_mib: f64,
    coordinator_peak_mib: Option<f64>,
}

#[expect(clippy::cast_precision_loss, reason = "for people")]
impl Row {
    pub(super) fn new(way: &Way, in_flight: usize, done: &Done, cpu: &Cpu, flushes: Option<u64>) -> Self {
        let transfers = done.times.len();
        let count = transfers.max(1) as f64;
        let each_us = |time: Duration| time.as_secs_f64() * 1e6 / count;
        let ms = |per_mille: usize| percentile(&done.times, per_mille).as_secs_f64() * 1e3;
        let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
        Self {
            way: way.name,
            in_flight,
            transfers,
            repeated: done.repeated,
            per_second: count / done.length.as_secs_f64(),
            p50_ms: ms(500),
            p99_ms: ms(990),
            max_ms: ms(1000),
            banks_cpu_us: each_us(cpu.banks),
            coordinator_cpu_us: cpu.coordinator.map(each_us),
            database_cpu_us: cpu.database.map(each_us),
            customers_cpu_us: each_us(cpu.customers),
            flushes: flushes.map(|flushes| flushes as f64 / count),
            banks_peak_mib: mib(way.banks.iter().map(|bank| bank.peak_memory()).sum()),
            coordinator_peak_mib: way.coordinator.map(|coordinator| mib(coordinator.peak_memory())),
        }
    }

    /// CPU of all parties but the customers.
    fn cpu_us(&self) -> f64 {
        self.banks_cpu_us + self.coordinator_cpu_us.unwrap_or_default() + self.database_cpu_us.unwrap_or_default()
    }
}

/// All cells, in Markdown.
#[derive(Debug, Default)]
pub(super) struct Table {
    rows: Vec<Row>,
}

impl Table {
    pub(super) fn add(&mut self, row: Row) {
        self.rows.push(row);
    }

    pub(super) fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// Each row with the last one of its cell, which is the other way if there is one.
    fn ratios(&self) -> impl Iterator<Item = (&Row, &Row)> {
        self.rows.iter().filter_map(|row| {
            let last = self.rows.iter().rfind(|other| other.in_flight == row.in_flight)?;
            (row.way != last.way).then_some((row, last))
        })
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let or_none = |figure: Option<f64>, digits: usize| figure.map_or("-".to_owned(), |us| format!("{us:.digits$}"));
        writeln!(
            f,
            "| way | in flight | transfers/s | p50 / p99 / max ms | CPU us: banks / coordinator / database / customers | \
             flushes | peak MiB: banks / coordinator | 5xx |"
        )?;
        writeln!(f, "|---|---|---|---|---|---|---|---|")?;
        for row in &self.rows {
            writeln!(
                f,
                "| {} | {} | {:.0} | {:.2} / {:.2} / {:.2} | {:.0} / {} / {} / {:.0} | {} | {:.0} / {} | {} |",
                row.way,
                row.in_flight,
                row.per_second,
                row.p50_ms,
                row.p99_ms,
                row.max_ms,
                row.banks_cpu_us,
                or_none(row.coordinator_cpu_us, 0),
                or_none(row.database_cpu_us, 0),
                row.customers_cpu_us,
                or_none(row.flushes, 2),
                row.banks_peak_mib,
                or_none(row.coordinator_peak_mib, 0),
                row.repeated,
            )?;
        }
        if self.ratios().next().is_some() {
            writeln!(f, "\n| in flight | | transfers/s | p50 | p99 | CPU of all | CPU of the banks |")?;
            writeln!(f, "|---|---|---|---|---|---|---|")?;
        }
        for (one, two) in self.ratios() {
            writeln!(
                f,
                "| {} | {} to {} | {:.2} | {:.2} | {:.2} | {:.2} | {:.2} |",
                one.in_flight,
                one.way,
                two.way,
                one.per_second / two.per_second,
                one.p50_ms / two.p50_ms,
                one.p99_ms / two.p99_ms,
                one.cpu_us() / two.cpu_us(),
                one.banks_cpu_us / two.banks_cpu_us,
            )?;
        }
        Ok(())
    }
}
