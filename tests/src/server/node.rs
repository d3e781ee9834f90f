//! A member of a cluster: a server that is stopped, killed and started again in its own directory.

use std::process::Command;
use std::time::{Duration, Instant};

use sqlx::{Connection, MySqlConnection, PgConnection};
use tokio::process::Child;
use url::Url;

use super::scratch::{Place, Watchdog};

/// How long a server may take to start: it may first copy all data of another one.
const START_TIMEOUT: Duration = Duration::from_mins(5);

/// A server with its directory and its port, running or not.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) place: Place,
    pub(super) port: u16,
    watchdog: Watchdog,
    process: Option<Child>,
}

impl Node {
    /// A directory and a port for a server, which does not run yet. `signal` ends it when the test process ends.
    pub(super) fn new(users: &[&str], signal: &'static str) -> Self {
        let (place, watchdog) = Place::new(users, signal);
        Self { place, port: super::scratch::free_port(), watchdog, process: None }
    }

    /// Starts the server, and returns when it answers at `url`; tries again if a process of the last one still runs.
    ///
    /// # Panics
    /// If it does not start; with its log.
    pub(super) async fn start(&mut self, command: impl Fn(&Self) -> Command, url: &Url) {
        let started = Instant::now();
        loop {
            let is_running = match &mut self.process {
                Some(process) => process.try_wait().expect("our own child").is_none(),
                None => false,
            };
            if !is_running {
                let process =
                    tokio::process::Command::from(command(self)).spawn().expect("the server's program starts");
                self.watchdog.guard(process.id().expect("it has just started"));
                self.process = Some(process);
            }
            match value(url, "SELECT '1'").await {
                Ok(_) => return,
                Err(error) => assert!(started.elapsed() < START_TIMEOUT, "{error}\n{}", self.place.log()),
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Sends the server a signal.
    pub(super) async fn signal(&self, signal: &str) {
        if let Some(id) = self.process.as_ref().and_then(Child::id) {
            send(signal, id).await;
        }
    }

    /// Waits until the server's process has ended.
    pub(super) async fn ended(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.wait().await.expect("our own child");
        }
    }

    /// Runs a program in the server's directory; returns whether it succeeded.
    pub(super) async fn try_run(&self, command: Command) -> bool {
        let status = tokio::process::Command::from(command).status().await;
        status.expect("the program starts").success()
    }

    /// Runs a program in the server's directory.
    ///
    /// # Panics
    /// If it fails; with its output.
    pub(super) async fn run(&self, command: Command) {
        let shown = format!("{command:?}");
        assert!(self.try_run(command).await, "{shown}\n{}", self.place.log());
    }
}

/// Sends a process a signal.
pub(super) async fn send(signal: &str, id: u32) {
    let sent = tokio::process::Command::new("kill").args(["-s", signal, &id.to_string()]).status().await;
    sent.expect("kill");
}

/// The one text that a statement returns, on a connection of its own.
pub(super) async fn value(url: &Url, sql: &'static str) -> Result<String, sqlx::Error> {
    let asked = async {
        if url.scheme().starts_with("postgres") {
            let mut connection = PgConnection::connect(url.as_str()).await?;
            let value = sqlx::query_scalar(sql).fetch_one(&mut connection).await?;
            connection.close().await?;
            Ok(value)
        } else {
            let mut connection = MySqlConnection::connect(url.as_str()).await?;
            let value = sqlx::query_scalar(sql).fetch_one(&mut connection).await?;
            connection.close().await?;
            Ok(value)
        }
    };
    tokio::time::timeout(Duration::from_secs(5), asked).await.unwrap_or(Err(sqlx::Error::PoolTimedOut))
}

/// Repeats the statement until it returns this text.
///
/// # Panics
/// If it does not do so within a minute.
pub(super) async fn until(url: &Url, sql: &'static str, wanted: &str) {
    let started = Instant::now();
    loop {
        let said = value(url, sql).await;
        if matches!(&said, Ok(value) if value == wanted) {
            return;
        }
        assert!(started.elapsed() < START_TIMEOUT, "`{sql}` never gave `{wanted}`, but {said:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
