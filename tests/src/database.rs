//! A database for one test: fresh, shared with no other test, and gone afterwards.

use sqlx::{Connection, Executor, MySqlConnection, PgConnection, SqliteConnection};
use tempfile::TempDir;
use url::Url;
use uuid::Uuid;

use crate::server::{self, Server};

/// A database for one test. Keep it as long as the test runs: it is removed when this is dropped.
///
/// A test may have several. They share nothing, with one exception: on MySQL there is one database `dtm_barrier` for
/// the whole server. Tests there must not use the same gids, so take
/// [`Gid::random`](branchwire::protocol::Gid::random).
#[derive(Debug)]
pub struct TestDatabase {
    url: Url,
    home: Home,
}

/// Where the database is. It decides how the database is removed.
#[derive(Debug)]
enum Home {
    /// A file in a directory of its own.
    Directory(#[expect(dead_code, reason = "dropped, it removes the directory")] TempDir),
    /// On a server that was started for the tests: the database goes with the server.
    Scratch,
    /// On a server that others use, too, at this address.
    Given(Url),
}

impl TestDatabase {
    /// A SQLite file in a temporary directory; the file does not exist yet.
    ///
    /// # Panics
    /// If no temporary directory can be made.
    pub fn sqlite() -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let mut url = Url::from_file_path(directory.path().join("test.db")).expect("an absolute path");
        url.set_query(Some("mode=rwc"));
        let url = Url::parse(&url.as_str().replacen("file:", "sqlite:", 1)).expect("a URL");
        Self { url, home: Home::Directory(directory) }
    }

    /// An empty database on PostgreSQL.
    ///
    /// `None` if there is no server: the test has been reported as skipped and ends.
    ///
    /// # Panics
    /// If there is no server and `CI` is `true`, or if the server does not do what is asked.
    pub async fn postgres() -> Option<Self> {
        Some(Self::on(server::postgres().await?).await)
    }

    /// An empty database on MySQL or MariaDB.
    ///
    /// `None` if there is no server: the test has been reported as skipped and ends.
    ///
    /// # Panics
    /// If there is no server and `CI` is `true`, or if the server does not do what is asked.
    pub async fn mysql() -> Option<Self> {
        Some(Self::on(server::mysql().await?).await)
    }

    /// The address, as sqlx and Branchwire's programs take it.
    pub fn url(&self) -> &str {
        self.url.as_str()
    }

    /// The database at this address, on a server that was started for the test.
    ///
    /// # Panics
    /// If it is not an address.
    pub fn at(url: &str) -> Self {
        Self { url: Url::parse(url).expect("a URL"), home: Home::Scratch }
    }

    /// An empty database on this server.
    ///
    /// # Panics
    /// If the server does not do what is asked.
    pub async fn on(server: &Server) -> Self {
        let name = format!("bw_{}", Uuid::now_v7().simple());
        execute(server.url(), &format!("CREATE DATABASE {name}")).await.expect("a new database");
        let mut url = server.url().clone();
        url.set_path(&name);
        Self { url, home: if server.is_scratch() { Home::Scratch } else { Home::Given(server.url().clone()) } }
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        let Home::Given(server) = &self.home else { return };
        let name = self.url.path().trim_start_matches('/');
        // PostgreSQL does not drop a database while the test's connections to it are open.
        let force = if self.url.scheme().starts_with("postgres") { " WITH (FORCE)" } else { "" };
        let drop = format!("DROP DATABASE {name}{force}");
        // The test's own runtime is blocked by this drop, so another runtime executes the statement.
        let dropped = std::thread::scope(|scope| {
            let dropped = scope.spawn(|| {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
                runtime.block_on(execute(server, &drop))
            });
            dropped.join()
        });
        if let Ok(Err(error)) = dropped {
            server::say(&format!("database {name} is left behind: {error}"));
        }
    }
}

/// Executes statements on a connection of their own.
///
/// # Errors
/// The database's error.
pub async fn execute(url: &Url, statements: &str) -> Result<(), sqlx::Error> {
    let statements = sqlx::raw_sql(sqlx::AssertSqlSafe(statements));
    match url.scheme() {
        "sqlite" => {
            let mut connection = SqliteConnection::connect(url.as_str()).await?;
            connection.execute(statements).await?;
            connection.close().await
        }
        scheme if scheme.starts_with("postgres") => {
            let mut connection = PgConnection::connect(url.as_str()).await?;
            connection.execute(statements).await?;
            connection.close().await
        }
        _ => {
            let mut connection = MySqlConnection::connect(url.as_str()).await?;
            connection.execute(statements).await?;
            connection.close().await
        }
    }
}
