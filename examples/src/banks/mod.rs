//! The two banks, once for each database.

pub mod mysql;
pub mod postgres;
pub mod sqlite;

use axum::Router;
use branchwire::barrier::{self, BarrierDialect, SetUpError};
use branchwire::{Client, Database, InvalidUrl};

/// The account at bank A.
pub const USER_A: i64 = 1;

/// The account at bank B.
pub const USER_B: i64 = 2;

/// The opening balance of both accounts, in cents.
pub const OPENING_BALANCE: i64 = 20_000;

/// The addresses that bank A needs.
#[derive(Debug, Clone)]
pub struct Links {
    /// The coordinator.
    pub client: Client,
    /// Where bank A itself can be reached.
    pub bank_a: String,
    /// Where bank B can be reached.
    pub bank_b: String,
    /// Where the notary can be reached, if there is one.
    pub notary: Option<String>,
    /// How bank A sends.
    pub sends: Sends,
}

/// How bank A sends its message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sends {
    /// It prepares the message, and submits it after the commit.
    Prepared,
    /// By an outbox, without prepare.
    ByOutbox,
    /// By an outbox, and its customer is answered at the commit.
    AtCommit,
}

/// Why a bank does not open.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Its database is not ready for branches.
    #[error("{0}")]
    Barrier(#[from] SetUpError),
    /// Its database failed.
    #[error("the database of the bank failed")]
    Database(#[from] sqlx::Error),
    /// One of its links is no address.
    #[error("{0}")]
    Link(#[from] InvalidUrl),
    /// The address of its database is of no known kind.
    #[error("the database `{0}` is none of sqlite://FILE, postgres://.., mysql://..")]
    Kind(String),
}

/// The kinds of databases.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `sqlite://FILE`
    Sqlite,
    /// `postgres://USER:PASSWORD@HOST/DATABASE`
    Postgres,
    /// `mysql://USER:PASSWORD@HOST/DATABASE`, MariaDB as well.
    Mysql,
}

impl Kind {
    /// The kind that a database's address names.
    ///
    /// # Errors
    /// [`OpenError::Kind`] if it names none of these.
    pub fn of(database: &str) -> Result<Self, OpenError> {
        match database.split(':').next() {
            Some("sqlite") => Ok(Self::Sqlite),
            Some("postgres" | "postgresql") => Ok(Self::Postgres),
            Some("mysql" | "mariadb") => Ok(Self::Mysql),
            scheme => Err(OpenError::Kind(scheme.unwrap_or_default().to_owned())),
        }
    }
}

/// Opens bank A: its account, its barrier, its routes.
///
/// # Errors
/// [`OpenError`], which says what to do.
pub async fn open_bank_a(database: &str, links: Links) -> Result<Router, OpenError> {
    match Kind::of(database)? {
        Kind::Sqlite => sqlite::open_bank_a(database, links).await,
        Kind::Postgres => postgres::open_bank_a(database, links).await,
        Kind::Mysql => mysql::open_bank_a(database, links).await,
    }
}

/// Opens bank B: its account, its barrier, its routes.
///
/// # Errors
/// [`OpenError`], which says what to do.
pub async fn open_bank_b(database: &str) -> Result<Router, OpenError> {
    match Kind::of(database)? {
        Kind::Sqlite => sqlite::open_bank_b(database).await,
        Kind::Postgres => postgres::open_bank_b(database).await,
        Kind::Mysql => mysql::open_bank_b(database).await,
    }
}

/// Makes a database ready for branches.
pub(crate) async fn ready<D: Database<Driver: BarrierDialect>>(db: D) -> Result<D, OpenError> {
    barrier::set_up(&db).await?;
    Ok(db)
}
