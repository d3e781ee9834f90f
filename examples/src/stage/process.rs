//! Child processes: started, killed with SIGKILL, started again at the same address.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use super::run::Error;

/// One part of the play, as a process of its own.
pub struct Process {
    /// How it is called on the screen.
    pub name: &'static str,
    args: Vec<String>,
    log: PathBuf,
    child: Option<Child>,
    /// Where it can be reached; stays the same when it is started again.
    pub url: String,
}

impl Process {
    /// Starts this program with these arguments, and waits until it says where it listens.
    pub async fn start<'a>(
        name: &'static str,
        dir: &Path,
        args: impl IntoIterator<Item = &'a str>,
    ) -> Result<Self, Error> {
        let args = args.into_iter().map(str::to_owned).collect();
        let log = dir.join(format!("{}.log", name.replace(' ', "-").to_lowercase()));
        let mut process = Self { name, args, log, child: None, url: String::new() };
        process.launch("127.0.0.1:0").await?;
        Ok(process)
    }

    /// Starts it again, at the address it had.
    pub async fn restart(&mut self) -> Result<(), Error> {
        let address = self.url.trim_start_matches("http://").to_owned();
        self.launch(&address).await
    }

    /// Kills it with SIGKILL: it has no time for a last word.
    pub async fn kill(&mut self) -> Result<(), Error> {
        if let Some(mut child) = self.child.take() {
            child.kill().await?;
        }
        Ok(())
    }

    /// The id of the process; 0 if it does not run.
    pub fn id(&self) -> u32 {
        self.child.as_ref().and_then(Child::id).unwrap_or(0)
    }

    /// Whether it was started and not killed since.
    pub fn is_running(&self) -> bool {
        self.child.is_some()
    }

    async fn launch(&mut self, listen: &str) -> Result<(), Error> {
        let log = File::options().create(true).append(true).open(&self.log)?;
        let mut child = Command::new(std::env::current_exe()?)
            .args(&self.args)
            .args(["--listen", listen])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log)
            .kill_on_drop(true)
            .spawn()?;
        let mut lines = BufReader::new(child.stdout.take().ok_or("a child without stdout")?).lines();
        while let Some(line) = lines.next_line().await? {
            if let Some((_, url)) = line.split_once("listening on ") {
                url.trim().clone_into(&mut self.url);
                self.child = Some(child);
                return Ok(());
            }
        }
        let said = std::fs::read_to_string(&self.log).unwrap_or_default();
        Err(format!("{} did not start; it said:\n{said}", self.name).into())
    }
}
