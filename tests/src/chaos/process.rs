//! The processes: started behind a proxy, killed, stopped, and started again in bad health.

use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use super::Failure;
use super::proxy::{Proxy, Settings};

/// How long a process that is in good health may take to start; its database may have to start first.
const START_TIMEOUT: Duration = Duration::from_mins(1);

/// The limits of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Health {
    /// None.
    Good,
    /// No file grows beyond this number of blocks (512 bytes, on some systems more): `RLIMIT_FSIZE`.
    FileLimit(u32),
    /// Its SQLite file grows to at most this number of MiB: `PRAGMA max_page_count`.
    SmallFile(u32),
    /// At most this number of file descriptors.
    FewFiles(u32),
}

impl Health {
    fn command(self, program: &Program) -> Command {
        let mut command = Command::new(&program.file);
        let (script, limit) = match self {
            Self::Good => {
                command.args(&program.args);
                return command;
            }
            Self::SmallFile(mib) => {
                command.args(&program.args).env("BRANCHWIRE_SQLITE_MIB_MAX", mib.to_string());
                return command;
            }
            // If the signal is ignored, the write fails with an error, as on a full disk.
            Self::FileLimit(blocks) => (r#"trap "" XFSZ; ulimit -f "$0"; exec "$@""#, blocks),
            Self::FewFiles(files) => (r#"ulimit -n "$0"; exec "$@""#, files),
        };
        command = Command::new("sh");
        command.args(["-c", script, &limit.to_string()]).arg(&program.file).args(&program.args);
        command
    }
}

/// What a process runs.
#[derive(Debug)]
pub(crate) struct Program {
    pub(crate) name: &'static str,
    pub(crate) file: PathBuf,
    /// It prints `listening on http://ADDRESS` when it listens.
    pub(crate) args: Vec<String>,
    pub(crate) log: PathBuf,
}

/// A process with the proxy before it.
#[derive(Debug)]
pub(crate) struct Member {
    program: Option<Program>,
    proxy: Proxy,
    child: Option<Child>,
    address: Option<SocketAddr>,
}

impl Member {
    /// A process whose address is known before it starts.
    pub(crate) async fn absent(name: &'static str, settings: &Arc<Settings>) -> Result<Self, Failure> {
        let proxy = Proxy::open(settings).await.map_err(|error| format!("{name}: {error}"))?;
        Ok(Self { program: None, proxy, child: None, address: None })
    }

    pub(crate) async fn new(program: Program, settings: &Arc<Settings>) -> Result<Self, Failure> {
        Self::absent(program.name, settings).await?.with(program).await
    }

    /// Starts it.
    pub(crate) async fn with(mut self, program: Program) -> Result<Self, Failure> {
        self.program = Some(program);
        self.restart(Health::Good).await?;
        Ok(self)
    }

    /// The address that others use: its proxy.
    pub(crate) fn url(&self) -> String {
        self.proxy.url()
    }

    /// Its own address.
    pub(crate) fn direct(&self) -> Result<String, Failure> {
        let address = self.address.ok_or("a process that does not run")?;
        Ok(format!("http://{address}"))
    }

    /// Kills it with `KILL`: it runs no more code.
    pub(crate) async fn kill(&mut self) -> Result<(), Failure> {
        self.proxy.lead_to(None);
        self.address = None;
        if let Some(mut child) = self.child.take() {
            child.kill().await?;
        }
        Ok(())
    }

    /// Sends it a signal that does not end it: `STOP` or `CONT`.
    pub(crate) async fn signal(&self, signal: &str) -> Result<(), Failure> {
        if let Some(id) = self.child.as_ref().and_then(Child::id) {
            Command::new("kill").args(["-s", signal, &id.to_string()]).status().await?;
        }
        Ok(())
    }

    /// Kills it, and starts it in this health. Returns whether it runs: in bad health it may be unable to start.
    pub(crate) async fn restart(&mut self, health: Health) -> Result<bool, Failure> {
        self.kill().await?;
        let started = Instant::now();
        loop {
            if self.launch(health).await? {
                return Ok(true);
            }
            if health != Health::Good {
                return Ok(false);
            }
            if started.elapsed() > START_TIMEOUT {
                return Err(self.does_not_start().into());
            }
            // Its database is not ready yet.
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    fn does_not_start(&self) -> String {
        let Some(program) = &self.program else { return "nothing to start".to_owned() };
        let log = fs::read_to_string(&program.log).unwrap_or_default();
        let lines: Vec<&str> = log.lines().rev().take(20).collect();
        let last: String = lines.iter().rev().flat_map(|line| [*line, "\n"]).collect();
        format!("{} does not start; the end of its log:\n{last}", program.name)
    }

    async fn launch(&mut self, health: Health) -> Result<bool, Failure> {
        let program = self.program.as_ref().ok_or("nothing to start")?;
        let log = File::options().create(true).append(true).open(&program.log)?;
        let mut command = health.command(program);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log).kill_on_drop(true);
        let mut child = command.spawn()?;
        let mut lines = BufReader::new(child.stdout.take().ok_or("a child without output")?).lines();
        while let Some(line) = lines.next_line().await? {
            if let Some((_, address)) = line.split_once("listening on http://") {
                let address = address.trim().parse()?;
                self.address = Some(address);
                self.proxy.lead_to(Some(address));
                self.child = Some(child);
                return Ok(true);
            }
        }
        child.wait().await?;
        Ok(false)
    }
}
