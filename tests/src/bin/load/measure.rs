//! The cost of a cell: the CPU time of each party, and flushes to the disk.

use std::ops::Sub;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::process::{Coordinator, Process};

/// CPU time of each party.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cpu {
    pub(crate) coordinator: Duration,
    pub(crate) database: Option<Duration>,
    pub(crate) harness: Duration,
}

impl Cpu {
    /// So far.
    pub(crate) fn now(coordinator: &Coordinator) -> Self {
        Self {
            coordinator: coordinator.cpu(),
            database: coordinator.database.map(Process::cpu),
            harness: Process::own_cpu(),
        }
    }

    /// Waits until coordinator and database are idle: work that a message leaves for later counts as well.
    pub(crate) async fn at_rest(coordinator: &Coordinator) -> Self {
        let mut last = Self::now(coordinator);
        for _ in 0..50 {
            tokio::time::sleep(Duration::from_millis(200)).await;
            let now = Self::now(coordinator);
            let used = now - last;
            last = now;
            // One tick is noise.
            if used.coordinator + used.database.unwrap_or_default() <= Duration::from_millis(10) {
                break;
            }
        }
        last
    }
}

impl Sub for Cpu {
    type Output = Self;

    fn sub(self, before: Self) -> Self {
        let database = self.database.zip(before.database).map(|(now, before)| now.saturating_sub(before));
        Self {
            coordinator: self.coordinator.saturating_sub(before.coordinator),
            database,
            harness: self.harness.saturating_sub(before.harness),
        }
    }
}

/// Counts the calls of `fsync` and `fdatasync`, by the kernel's own tracepoints.
#[derive(Debug)]
pub(crate) struct Flushes {
    perf: Child,
}

impl Flushes {
    /// Counts them from now on, in these processes and those they start; `None` where `perf` is missing or not allowed.
    pub(crate) async fn count(pids: &[u32]) -> Option<Self> {
        let pids: Vec<String> = pids.iter().map(ToString::to_string).collect();
        let events = "syscalls:sys_enter_fsync,syscalls:sys_enter_fdatasync";
        let mut perf = Command::new("perf");
        perf.args(["stat", "-x,", "-e", events, "-p", &pids.join(",")]);
        let mut perf = perf.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().ok()?;
        // `perf` does not report when it has begun.
        tokio::time::sleep(Duration::from_millis(500)).await;
        perf.try_wait().ok()?.is_none().then_some(Self { perf })
    }

    /// How many there were.
    pub(crate) fn stop(self) -> Option<u64> {
        let pid = self.perf.id().to_string();
        Command::new("kill").args(["-s", "INT", &pid]).status().ok()?;
        let output = self.perf.wait_with_output().ok()?;
        let text = String::from_utf8_lossy(&output.stderr);
        let counts: Vec<u64> = text
            .lines()
            .filter(|line| line.contains("sys_enter_f"))
            .filter_map(|line| line.split(',').next()?.parse().ok())
            .collect();
        (!counts.is_empty()).then(|| counts.iter().sum())
    }
}
