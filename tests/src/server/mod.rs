//! The servers of the test databases: one of each kind for a test process.
//!
//! A server is the one at the address in `BRANCHWIRE_POSTGRES_URL` or `BRANCHWIRE_MYSQL_URL`, if that is set. Otherwise
//! it is started from the programs that are installed, on a free port of 127.0.0.1 and in a temporary directory, and
//! ends with the test process. If the programs are missing, the test is skipped, and a line says what to install; with
//! `CI=true` it fails instead.
//!
//! The scratch servers keep the durable settings that are the default of their database.

use std::io::Write;

use tokio::sync::OnceCell;
use url::Url;

use crate::database::execute;

mod galera;
mod mysql;
mod node;
mod pair;
mod pgbouncer;
mod postgres;
mod scratch;

pub use galera::Galera;
pub use pair::{Back, Pair};

/// The files that a server needs for TLS, each in PEM.
#[derive(Debug, Clone)]
pub struct ServerCertificate {
    /// The certificate of the authority: clients' certificates are checked against it.
    pub authority: String,
    /// The server's certificate.
    pub certificate: String,
    /// Its key.
    pub key: String,
}

/// A database server that is ready.
#[derive(Debug)]
pub struct Server {
    url: Url,
    /// Set if the server was started here.
    scratch: Option<scratch::Scratch>,
}

impl Server {
    /// Its address, with a user that may create databases and users.
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// Ends it as a crash does, and starts it again at the same address; returns when it has recovered.
    ///
    /// # Panics
    /// If it was not started here, or does not start again.
    pub async fn crash(&mut self) {
        self.scratch.as_mut().expect("a server that was started here").crash(&self.url).await;
    }

    /// What it has written to its log so far.
    ///
    /// # Panics
    /// If it was not started here.
    pub fn log(&self) -> String {
        self.scratch.as_ref().expect("a server that was started here").log()
    }

    /// Creates an empty database; returns its address.
    ///
    /// # Errors
    /// The server's error.
    pub async fn create_database(&self, name: &str) -> Result<String, sqlx::Error> {
        execute(&self.url, &format!("CREATE DATABASE {name}")).await?;
        let mut url = self.url.clone();
        url.set_path(name);
        Ok(url.into())
    }

    /// Executes one statement, as its administrator.
    ///
    /// # Errors
    /// The server's error.
    pub async fn execute(&self, statement: &str) -> Result<(), sqlx::Error> {
        execute(&self.url, statement).await
    }

    /// Whether it was started for this test process and ends with it.
    pub fn is_scratch(&self) -> bool {
        self.scratch.is_some()
    }
}

/// This process's PostgreSQL; `None` if there is none, which has been reported.
///
/// # Panics
/// If there is none and `CI` is `true`, or if one is installed and does not start.
pub async fn postgres() -> Option<&'static Server> {
    static SERVER: OnceCell<Option<Server>> = OnceCell::const_new();
    let server = SERVER.get_or_init(|| find("BRANCHWIRE_POSTGRES_URL", || postgres::start(None))).await;
    server.as_ref().or_else(|| skip("PostgreSQL: install `postgresql` or set BRANCHWIRE_POSTGRES_URL"))
}

/// This process's MySQL or MariaDB; `None` if there is none, which has been reported.
///
/// # Panics
/// If there is none and `CI` is `true`, or if one is installed and does not start.
pub async fn mysql() -> Option<&'static Server> {
    static SERVER: OnceCell<Option<Server>> = OnceCell::const_new();
    let server = SERVER.get_or_init(|| find("BRANCHWIRE_MYSQL_URL", || mysql::start(None, &[]))).await;
    server.as_ref().or_else(|| skip("MariaDB: install `mariadb-server` or set BRANCHWIRE_MYSQL_URL"))
}

/// A PostgreSQL for one test, which may crash it. It ends when it is dropped. `None` if there is none, which has been
/// reported.
///
/// # Panics
/// If there is none and `CI` is `true`, or if one is installed and does not start.
pub async fn own_postgres() -> Option<Server> {
    postgres::start(None).await.or_else(|| skip("a PostgreSQL of its own: install `postgresql`"))
}

/// A MariaDB for one test, which may change what all databases of a server share: the barrier's database, and settings.
/// It ends when it is dropped. `None` if there is none, which has been reported.
///
/// # Panics
/// If there is none and `CI` is `true`, or if one is installed and does not start.
pub async fn own_mysql() -> Option<Server> {
    own_mysql_with(&[]).await
}

/// The same, started with these arguments.
///
/// # Panics
/// As [`own_mysql`].
pub async fn own_mysql_with(arguments: &'static [&'static str]) -> Option<Server> {
    mysql::start(None, arguments).await.or_else(|| skip("a MariaDB of its own: install `mariadb-server`"))
}

/// A pgbouncer before a PostgreSQL, in this `pool_mode`, which ignores these startup parameters. `None` if it is not
/// installed, which has been reported.
///
/// # Panics
/// If it is not installed and `CI` is `true`, or if it does not start.
pub async fn pgbouncer(server: &Server, pool_mode: &str, ignored: &str) -> Option<Server> {
    pgbouncer_before(server.url(), pool_mode, ignored).await
}

/// The same before any PostgreSQL.
///
/// # Panics
/// As [`pgbouncer`].
pub async fn pgbouncer_before(url: &Url, pool_mode: &str, ignored: &str) -> Option<Server> {
    pgbouncer_with(url, &[("pool_mode", pool_mode), ("ignore_startup_parameters", ignored)]).await
}

/// The same with any settings.
///
/// # Panics
/// As [`pgbouncer`].
pub async fn pgbouncer_with(url: &Url, settings: &[(&str, &str)]) -> Option<Server> {
    pgbouncer::start(url, settings).await.or_else(|| skip("pgbouncer: install `pgbouncer`"))
}

/// A PostgreSQL for one test that refuses clients without TLS. The user `certified` needs a certificate of
/// its own, and no password. `None` if there is none, which has been reported.
///
/// # Panics
/// If there is none and `CI` is `true`, or if one is installed and does not start.
pub async fn postgres_with_tls(certificate: &ServerCertificate) -> Option<Server> {
    postgres::start(Some(certificate)).await.or_else(|| skip("a PostgreSQL of its own: install `postgresql`"))
}

/// A MariaDB for one test that refuses clients without TLS. `None` if there is none, which has been reported.
///
/// # Panics
/// If there is none and `CI` is `true`, or if one is installed and does not start.
pub async fn mysql_with_tls(certificate: &ServerCertificate) -> Option<Server> {
    mysql::start(Some(certificate), &[]).await.or_else(|| skip("a MariaDB of its own: install `mariadb-server`"))
}

/// The server at the address in `variable`, or else the one that `start` starts.
async fn find(variable: &str, start: impl AsyncFnOnce() -> Option<Server>) -> Option<Server> {
    match std::env::var(variable) {
        Ok(url) if !url.is_empty() => {
            let url = Url::parse(&url).unwrap_or_else(|error| panic!("{variable} is no URL: {error}"));
            Some(Server { url, scratch: None })
        }
        _ => start().await,
    }
}

fn skip<T>(needs: &str) -> Option<T> {
    assert!(std::env::var("CI").as_deref() != Ok("true"), "needs {needs}");
    // The test harness gives each test's thread the name of the test.
    let thread = std::thread::current();
    say(&format!("skipped {}: needs {needs}", thread.name().unwrap_or("a test")));
    None
}

/// Writes a line to the terminal directly: the test harness shows only the output of failed tests.
pub fn say(line: &str) {
    // An error means that the terminal is closed, and nobody would read the line.
    let _ = writeln!(std::io::stderr(), "{line}");
}
