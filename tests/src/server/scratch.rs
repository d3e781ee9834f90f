//! What all scratch servers need: programs, a directory, a user, a port, and an end.

use std::fmt;
use std::fs::{self, File, Permissions};
use std::io::Write;
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;
use url::Url;

use crate::database::execute;

/// How long a server may take to start; a slow disk is no failure.
pub(super) const START_TIMEOUT: Duration = Duration::from_mins(1);

/// Ends a server and removes its directory when the test process ends, in whatever way. A static value is never
/// dropped, and a killed process runs no code at all; but the system closes its pipes.
#[derive(Debug)]
pub(crate) struct Watchdog {
    sh: Child,
}

/// Reads process ids until the pipe closes, and ends the last one. That process may still write a file while the
/// directory is removed, so the removal is repeated. The script cannot ask whether the process is gone: if nothing
/// reaps orphans, it stays.
const WATCHDOG: &str = r#"
while read -r id; do server=$id; done
[ -z "$server" ] || kill -s "$2" "$server"
tries=100
until rm -rf "$1" || [ $((tries -= 1)) -eq 0 ]; do sleep 0.1; done
"#;

impl Watchdog {
    /// Watches over `directory`. `signal` ends the server at once: nothing of it is kept.
    pub(crate) fn new(directory: TempDir, signal: &str) -> Self {
        let mut sh = Command::new("sh");
        sh.args(["-c", WATCHDOG, "watchdog"]).arg(directory.path()).arg(signal);
        // A process group of its own: otherwise the interrupt key would end it before the server.
        sh.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).process_group(0);
        let sh = sh.spawn().expect("sh starts");
        // From here on the watchdog removes the directory.
        let _ = directory.keep();
        Self { sh }
    }

    /// From now on this child process is the server.
    pub(super) fn guard(&mut self, id: u32) {
        let pipe = self.sh.stdin.as_mut().expect("its input is a pipe");
        writeln!(pipe, "{id}").expect("the watchdog is there");
    }
}

/// A server that was started here.
pub(crate) struct Scratch {
    watchdog: Watchdog,
    process: Child,
    command: Box<dyn Fn() -> Command + Send + Sync>,
    signal: &'static str,
    log: PathBuf,
}

impl fmt::Debug for Scratch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scratch").field("process", &self.process).finish_non_exhaustive()
    }
}

impl Scratch {
    /// What the server has written to its log so far.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(&self.log).expect("the server's log")
    }

    /// Ends the server as a crash does, and starts it at the same address; returns when it has recovered.
    ///
    /// # Panics
    /// If it does not start.
    pub(crate) async fn crash(&mut self, url: &Url) {
        let id = self.process.id().to_string();
        Command::new("kill").args(["-s", self.signal, &id]).status().expect("kill");
        self.process.wait().expect("our own child");
        let started = Instant::now();
        self.process = (self.command)().spawn().expect("the server's program starts");
        self.watchdog.guard(self.process.id());
        while let Err(error) = execute(url, "SELECT 1").await {
            assert!(started.elapsed() < START_TIMEOUT, "the server does not come back: {error}");
            if self.process.try_wait().expect("our own child").is_some() {
                // A process of the crashed server still ran.
                self.process = (self.command)().spawn().expect("the server's program starts");
                self.watchdog.guard(self.process.id());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

/// The directory of a server, and the user who runs it.
#[derive(Debug)]
pub(crate) struct Place {
    directory: PathBuf,
    /// What ends the server at once.
    signal: &'static str,
    /// User and group to change to if the test process is root: servers refuse to run as root.
    user: Option<(u32, u32)>,
}

impl Place {
    /// A new directory for a server; as root, it belongs to the first of `users` that exists.
    pub(crate) fn new(users: &[&str], signal: &'static str) -> (Self, Watchdog) {
        let directory = tempfile::Builder::new().prefix("branchwire-").tempdir().expect("a temporary directory");
        let path = directory.path().to_owned();
        let is_root = fs::metadata(&path).expect("its owner").uid() == 0;
        let user = is_root.then(|| {
            let user = users.iter().find_map(|name| user(name));
            user.unwrap_or_else(|| panic!("as root, a server needs another user to run as: one of {users:?}"))
        });
        if let Some((uid, gid)) = user {
            chown(&path, Some(uid), Some(gid)).expect("root may give directories away");
        }
        (Self { directory: path, signal, user }, Watchdog::new(directory, signal))
    }

    /// A path inside the directory.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    /// Makes a directory that the server can write, if it does not exist.
    pub(crate) fn directory(&self, name: &str) {
        let path = self.path(name);
        fs::create_dir_all(&path).expect("a directory in the server's directory");
        if let Some((uid, gid)) = self.user {
            chown(&path, Some(uid), Some(gid)).expect("root may give directories away");
        }
    }

    /// Writes a file that the server can read.
    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, text).expect("a file in the server's directory");
        if let Some((uid, gid)) = self.user {
            chown(&path, Some(uid), Some(gid)).expect("root may give files away");
        }
        path
    }

    /// Writes a file that only the server can read: some servers refuse a key that others could read.
    pub(crate) fn write_secret(&self, name: &str, text: &str) -> PathBuf {
        let path = self.write(name, text);
        fs::set_permissions(&path, Permissions::from_mode(0o600)).expect("our own file");
        path
    }

    /// A command that runs as the server's user, inside its directory, and writes to its log.
    pub(crate) fn command(&self, program: &Path) -> Command {
        let log = File::options().create(true).append(true).open(self.path("log")).expect("the server's log");
        let mut command = Command::new(program);
        // MariaDB clears its temporary directory at the start, so two servers must not share one.
        command.current_dir(&self.directory).env("TMPDIR", &self.directory).stdin(Stdio::null());
        command.stdout(log.try_clone().expect("the server's log")).stderr(log).process_group(0);
        if let Some((uid, gid)) = self.user {
            command.uid(uid).gid(gid);
        }
        command
    }

    /// Runs a program to its end.
    ///
    /// # Panics
    /// If it fails; with its output.
    pub(crate) fn run(&self, mut command: Command) {
        let status = command.status().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        assert!(status.success(), "{command:?}: {status}\n{}", self.log());
    }

    /// Starts a server on a port of 127.0.0.1, and returns its address as soon as it answers there.
    ///
    /// The address must let no one into any other server, so it has a password of its own: between the search for a
    /// free port and its use another process may take it. Then another port is tried.
    ///
    /// # Panics
    /// If the server does not start; with its log.
    pub(crate) async fn serve(
        self,
        mut watchdog: Watchdog,
        command: impl Fn(&Self, u16) -> Command + Send + Sync + 'static,
        mut url: impl FnMut(u16) -> Url,
    ) -> (Scratch, Url) {
        for _ in 0..3 {
            let port = free_port();
            let (mut process, url) = (command(&self, port).spawn().expect("the server's program starts"), url(port));
            watchdog.guard(process.id());
            let started = Instant::now();
            while process.try_wait().expect("our own child").is_none() {
                match execute(&url, "SELECT 1").await {
                    Ok(()) => {
                        let (signal, log) = (self.signal, self.path("log"));
                        let command = Box::new(move || command(&self, port));
                        return (Scratch { watchdog, process, command, signal, log }, url);
                    }
                    Err(error) if started.elapsed() > START_TIMEOUT => panic!("{error}\n{}", self.log()),
                    // A server does not report when it is ready.
                    Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
                }
            }
        }
        panic!("a server in {} ended at once:\n{}", self.directory.display(), self.log());
    }

    pub(super) fn log(&self) -> String {
        fs::read_to_string(self.path("log")).unwrap_or_default()
    }
}

/// The path of a program: on `PATH`, or else in the last of `directories` that has it. A `*` in a directory
/// stands for the rest of its name.
pub(crate) fn program(name: &str, directories: &[&str]) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let on_path = std::env::split_paths(&path).map(|directory| directory.join(name)).find(|file| file.is_file());
    on_path
        .or_else(|| directories.iter().flat_map(|pattern| expand(pattern)).map(|d| d.join(name)).rfind(|f| f.is_file()))
}

/// The directories that match a pattern with at most one `*`, the highest version last.
fn expand(pattern: &str) -> Vec<PathBuf> {
    let Some((before, after)) = pattern.split_once('*') else { return vec![pattern.into()] };
    let (parent, prefix) = before.rsplit_once('/').unwrap_or(("", before));
    let Ok(entries) = fs::read_dir(parent) else { return Vec::new() };
    let names = entries.flatten().filter_map(|entry| entry.file_name().into_string().ok());
    let mut names: Vec<String> = names.filter(|name| name.starts_with(prefix)).collect();
    let version = |name: &str| name.trim_start_matches(|c: char| !c.is_ascii_digit()).parse().unwrap_or(0.0_f64);
    names.sort_by(|a, b| version(a).total_cmp(&version(b)));
    names.into_iter().map(|name| PathBuf::from(format!("{parent}/{name}{after}"))).collect()
}

/// User and group of a user of this machine.
fn user(name: &str) -> Option<(u32, u32)> {
    let users = fs::read_to_string("/etc/passwd").ok()?;
    let line = users.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
    let mut fields = line.split(':').skip(1);
    Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
}

pub(super) fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port of 127.0.0.1");
    listener.local_addr().expect("its address").port()
}
