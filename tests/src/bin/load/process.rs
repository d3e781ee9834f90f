//! The processes that are measured: the coordinator, and the database it uses.

use std::collections::HashMap;
use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use url::Url;

use crate::Failure;

/// How the kernel counts CPU time for user programs, on every architecture that matters.
const TICK: Duration = Duration::from_millis(10);

/// A coordinator that can be driven: one process, or several on one database.
#[derive(Debug)]
pub(crate) struct Coordinator {
    pub(crate) name: String,
    pub(crate) instances: Vec<Instance>,
    pub(crate) database: Option<Process>,
}

/// One process of a coordinator.
#[derive(Debug)]
pub(crate) struct Instance {
    pub(crate) authority: String,
    process: Process,
    _started: Option<Started>,
}

impl Coordinator {
    /// One that runs already.
    pub(crate) fn running(name: &str, url: &Url, database: Option<Process>) -> Result<Self, Failure> {
        let authority = url.socket_addrs(|| None)?.first().ok_or("no address")?.to_string();
        let instance = Instance { authority, process: Process::serving(url)?, _started: None };
        Ok(Self { name: name.to_owned(), instances: vec![instance], database })
    }

    /// Ours, on free ports.
    pub(crate) fn start(store: &str, instances: usize, database: Option<Process>) -> Result<Self, Failure> {
        // They start one after the other: the first one creates the tables.
        let started: Result<_, _> = (0..instances).map(|_| Instance::start(store)).collect();
        let name = if instances == 1 { "branchwire".to_owned() } else { format!("branchwire x {instances}") };
        Ok(Self { name, instances: started?, database })
    }

    /// CPU time so far, of all instances.
    pub(crate) fn cpu(&self) -> Duration {
        self.instances.iter().map(|instance| instance.process.cpu()).sum()
    }

    /// The most memory that one instance had, in bytes.
    pub(crate) fn peak_memory(&self) -> u64 {
        self.instances.iter().map(|instance| instance.process.peak_memory()).max().unwrap_or(0)
    }

    /// Coordinator and database.
    pub(crate) fn processes(&self) -> Vec<u32> {
        let database = self.database.map(Process::tree).unwrap_or_default();
        self.instances.iter().flat_map(|instance| instance.process.tree()).chain(database).collect()
    }
}

impl Instance {
    fn start(store: &str) -> Result<Self, Failure> {
        let started = Started::start(&["coordinator", "--listen", "127.0.0.1:0", "--log", "warn", "--store", store])?;
        Ok(Self { authority: started.authority.clone(), process: started.process, _started: Some(started) })
    }
}

/// This program once more, with these arguments, as a server of its own. Dropped, it ends.
#[derive(Debug)]
pub(crate) struct Started {
    pub(crate) authority: String,
    pub(crate) process: Process,
    child: Child,
}

impl Started {
    /// Returns once it has said where it listens, as the end of its first line.
    pub(crate) fn start(arguments: &[&str]) -> Result<Self, Failure> {
        let mut command = Command::new(std::env::current_exe()?);
        let mut child = command.args(arguments).stdout(Stdio::piped()).spawn()?;
        let stdout = child.stdout.take().ok_or("no output")?;
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line)?;
        let authority = line.trim().rsplit_once("//").map(|(_, authority)| authority.to_owned());
        let authority = authority.ok_or_else(|| format!("our {} did not start", arguments[0]))?;
        Ok(Self { authority, process: Process { pid: child.id() }, child })
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        // It keeps nothing that matters; the directory goes as well.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A process with its child processes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Process {
    pid: u32,
}

impl Process {
    /// The one that listens on the address's port.
    pub(crate) fn serving(url: &Url) -> Result<Self, Failure> {
        let default = match url.scheme() {
            "mysql" => Some(3306),
            "postgres" | "postgresql" => Some(5432),
            _ => url.port_or_known_default(),
        };
        let port = url.port().or(default).ok_or("an address without a port")?;
        let sockets = listening(port);
        let mut pids: Vec<u32> = pids().filter(|pid| has_any(*pid, &sockets)).collect();
        pids.sort_unstable();
        let pid = pids.first().ok_or_else(|| format!("no process here listens on port {port}"))?;
        Ok(Self { pid: *pid })
    }

    /// CPU time so far, of the process and all its descendants.
    pub(crate) fn cpu(self) -> Duration {
        let ticks: u32 = self.tree().into_iter().filter_map(stat).map(|stat| stat.ticks).sum();
        TICK * ticks
    }

    /// CPU time so far of this program itself, without what it started.
    pub(crate) fn own_cpu() -> Duration {
        stat(std::process::id()).map_or(Duration::ZERO, |stat| TICK * stat.own_ticks)
    }

    /// The most memory that the process had, in bytes.
    pub(crate) fn peak_memory(self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid)).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
        kib.unwrap_or(0) * 1024
    }

    /// Its id, and the ids of those that it started.
    pub(crate) fn tree(self) -> Vec<u32> {
        let mut children: HashMap<u32, Vec<u32>> = HashMap::new();
        for pid in pids() {
            if let Some(stat) = stat(pid) {
                children.entry(stat.parent).or_default().push(pid);
            }
        }
        let mut tree = vec![self.pid];
        let mut next = 0;
        while let Some(pid) = tree.get(next) {
            tree.extend(children.remove(pid).unwrap_or_default());
            next += 1;
        }
        tree
    }
}

#[derive(Debug)]
struct Stat {
    parent: u32,
    /// CPU time of the process, and of its children that have ended.
    ticks: u32,
    /// CPU time of the process.
    own_ticks: u32,
}

/// The fields of `/proc/PID/stat`; `None` if the process is gone.
fn stat(pid: u32) -> Option<Stat> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name, in parentheses, may contain anything.
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    // utime and stime, and cutime and cstime of ended children.
    let times: Vec<u32> = fields.get(11..15)?.iter().filter_map(|field| field.parse().ok()).collect();
    let own_ticks = times.iter().take(2).sum();
    Some(Stat { parent: fields.get(1)?.parse().ok()?, ticks: times.iter().sum(), own_ticks })
}

fn pids() -> impl Iterator<Item = u32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

/// The sockets that listen on a port, in the form of `/proc/PID/fd`.
fn listening(port: u16) -> Vec<String> {
    let tables = ["/proc/net/tcp", "/proc/net/tcp6"].map(|table| fs::read_to_string(table).unwrap_or_default());
    let lines = tables.iter().flat_map(|table| table.lines());
    let inodes = lines.filter_map(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let here = fields.get(1)?.ends_with(&format!(":{port:04X}"));
        // 0A: listening.
        (here && *fields.get(3)? == "0A").then(|| format!("socket:[{}]", fields[9]))
    });
    inodes.collect()
}

fn has_any(pid: u32, sockets: &[String]) -> bool {
    let entries = fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
    let mut targets = entries.filter_map(|entry| fs::read_link(entry.path()).ok());
    targets.any(|target| sockets.iter().any(|socket| target.as_os_str() == socket.as_str()))
}
