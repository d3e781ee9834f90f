//! Empty databases for one test.

use std::path::PathBuf;

use branchwire_protocol::Gid;
use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions};
use sqlx::{Pool, Sqlite};

#[cfg(any(feature = "postgres", feature = "mysql"))]
use super::server;

/// An empty database for one test; dropped, it is removed.
///
/// As many as the test asks for come at once: `let [orders, stock] = TestDatabase::sqlite().await;`. Keep them as long as the
/// test runs; the pools that they give do not keep them.
///
/// On a server it takes the address of one that is running, from a variable of the test's environment for example. A container
/// is enough: `docker run --rm -e POSTGRES_PASSWORD=test -p 5432:5432 postgres` is
/// `postgres://postgres:test@127.0.0.1/postgres`.
#[derive(Debug)]
#[must_use = "dropped, it is removed"]
pub struct TestDatabase<DB: sqlx::Database> {
    pool: Pool<DB>,
    home: Home,
}

/// Where it lives, and so how it ends.
#[derive(Debug)]
enum Home {
    File(PathBuf),
    #[cfg(any(feature = "postgres", feature = "mysql"))]
    Server(server::Place),
}

impl<DB: sqlx::Database> TestDatabase<DB> {
    /// Its pool. Clones are the same pool.
    pub fn pool(&self) -> Pool<DB> {
        self.pool.clone()
    }
}

impl TestDatabase<Sqlite> {
    /// SQLite files in the directory for temporary files.
    ///
    /// # Panics
    /// If they cannot be written.
    pub async fn sqlite<const COUNT: usize>() -> [Self; COUNT] {
        several(async || {
            let file = std::env::temp_dir().join(format!("branchwire-test-{}.db", Gid::random()));
            let options = SqliteConnectOptions::new().filename(&file).create_if_missing(true);
            let pool = SqlitePoolOptions::new().connect_with(options).await.expect("a file that can be written");
            Self { pool, home: Home::File(file) }
        })
        .await
    }
}

#[cfg(feature = "postgres")]
impl TestDatabase<sqlx::Postgres> {
    /// Databases of their own on this server, `postgres://USER:PASSWORD@HOST/DATABASE`, whose user may create some. Needs the
    /// crate's feature `postgres`.
    ///
    /// # Panics
    /// If the server does not do what is asked.
    pub async fn postgres<const COUNT: usize>(address: &str) -> [Self; COUNT] {
        several(async || {
            let (url, place) = server::make::<sqlx::PgConnection>(address, " WITH (FORCE)").await;
            Self { pool: sqlx::PgPool::connect(&url).await.expect("a new database"), home: Home::Server(place) }
        })
        .await
    }
}

#[cfg(feature = "mysql")]
impl TestDatabase<sqlx::MySql> {
    /// Databases of their own on this server, `mysql://USER:PASSWORD@HOST/DATABASE`, whose user may create some. Needs the
    /// crate's feature `mysql`.
    ///
    /// The barrier's database, `dtm_barrier`, is one for each server: there tests are kept apart by their gids.
    ///
    /// # Panics
    /// If the server does not do what is asked.
    pub async fn mysql<const COUNT: usize>(address: &str) -> [Self; COUNT] {
        several(async || {
            let (url, place) = server::make::<sqlx::MySqlConnection>(address, "").await;
            Self { pool: sqlx::MySqlPool::connect(&url).await.expect("a new database"), home: Home::Server(place) }
        })
        .await
    }
}

async fn several<T, const COUNT: usize>(make: impl AsyncFn() -> T) -> [T; COUNT] {
    let mut databases = Vec::with_capacity(COUNT);
    for _ in 0..COUNT {
        databases.push(make().await);
    }
    databases.try_into().unwrap_or_else(|_| unreachable!("as many were made"))
}

impl<DB: sqlx::Database> Drop for TestDatabase<DB> {
    fn drop(&mut self) {
        match &self.home {
            Home::File(file) => {
                for suffix in ["", "-wal", "-shm"] {
                    let mut file = file.clone().into_os_string();
                    file.push(suffix);
                    // One that is not there need not be removed.
                    let _ = std::fs::remove_file(file);
                }
            }
            #[cfg(any(feature = "postgres", feature = "mysql"))]
            Home::Server(place) => place.remove(),
        }
    }
}
