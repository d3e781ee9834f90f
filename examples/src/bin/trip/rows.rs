//! A look at the rows of the services from outside, past their programs.

use std::fmt;

use branchwire_examples::banks::Kind;
use branchwire_examples::stage::{Error, money};
use sqlx::{MySqlPool, PgPool, SqlitePool};

/// The databases of the services.
pub(crate) struct Databases {
    pub(crate) hotel: Database,
    pub(crate) airline: Database,
    pub(crate) bank: Database,
    pub(crate) agency: Database,
}

/// What is there, in all services.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rows {
    pub(crate) rooms: Places,
    pub(crate) seats: Places,
    pub(crate) cents: i64,
    pub(crate) reserved_cents: i64,
    pub(crate) vouchers: i64,
}

/// Rooms or seats.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Places {
    pub(crate) free: i64,
    pub(crate) held: i64,
}

impl Rows {
    /// What is there after one more trip at this price, with so many vouchers.
    pub(crate) const fn after_a_trip(self, price: i64, vouchers: i64) -> Self {
        let Self { mut rooms, mut seats, cents, .. } = self;
        rooms.free -= 1;
        seats.free -= 1;
        Self { rooms, seats, cents: cents - price, vouchers: self.vouchers + vouchers, ..self }
    }
}

impl fmt::Display for Places {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} free, {} held", self.free, self.held)
    }
}

impl fmt::Display for Rows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rooms, seats, cents, reserved_cents, vouchers } = self;
        write!(f, "rooms {rooms}   seats {seats}   card {}, {} reserved   ", money(*cents), money(*reserved_cents))?;
        write!(f, "vouchers {vouchers}")
    }
}

impl Databases {
    pub(crate) async fn rows(&self) -> Result<Rows, Error> {
        Ok(Rows {
            rooms: Places {
                free: self.hotel.number("SELECT COUNT(*) FROM room WHERE guest IS NULL").await?,
                held: self.hotel.number("SELECT COUNT(*) FROM room WHERE guest IS NOT NULL AND NOT is_certain").await?,
            },
            seats: Places {
                free: self.airline.number("SELECT free FROM flight").await?,
                held: self.airline.number("SELECT held FROM flight").await?,
            },
            cents: self.bank.number("SELECT cents FROM card").await?,
            reserved_cents: self.bank.number("SELECT reserved FROM card").await?,
            vouchers: self.agency.number("SELECT COUNT(*) FROM voucher").await?,
        })
    }
}

/// The database of one service.
pub(crate) enum Database {
    Sqlite(SqlitePool),
    Postgres(PgPool),
    Mysql(MySqlPool),
}

/// A lock on the flight, so that the airline has to wait; dropped, it lets go.
#[expect(dead_code, reason = "they are held, not read")]
pub(crate) enum Lock {
    Sqlite(sqlx::Transaction<'static, sqlx::Sqlite>),
    Postgres(sqlx::Transaction<'static, sqlx::Postgres>),
    Mysql(sqlx::Transaction<'static, sqlx::MySql>),
}

impl Database {
    pub(crate) async fn open(database: &str) -> Result<Self, Error> {
        Ok(match Kind::of(database)? {
            Kind::Sqlite => Self::Sqlite(SqlitePool::connect(database).await?),
            Kind::Postgres => Self::Postgres(PgPool::connect(database).await?),
            Kind::Mysql => Self::Mysql(MySqlPool::connect(database).await?),
        })
    }

    async fn number(&self, sql: &'static str) -> Result<i64, sqlx::Error> {
        match self {
            Self::Sqlite(pool) => sqlx::query_scalar(sql).fetch_one(pool).await,
            Self::Postgres(pool) => sqlx::query_scalar(sql).fetch_one(pool).await,
            Self::Mysql(pool) => sqlx::query_scalar(sql).fetch_one(pool).await,
        }
    }

    /// Pays money in for a card.
    pub(crate) async fn pay_in(&self, cents: i64) -> Result<(), Error> {
        match self {
            Self::Sqlite(pool) => {
                sqlx::query("UPDATE card SET cents = cents + ?").bind(cents).execute(pool).await?;
            }
            Self::Postgres(pool) => {
                sqlx::query("UPDATE card SET cents = cents + $1").bind(cents).execute(pool).await?;
            }
            Self::Mysql(pool) => {
                sqlx::query("UPDATE card SET cents = cents + ?").bind(cents).execute(pool).await?;
            }
        }
        Ok(())
    }

    pub(crate) async fn lock_flight(&self) -> Result<Lock, Error> {
        let sql = "SELECT id FROM flight FOR UPDATE";
        Ok(match self {
            // SQLite locks the whole file.
            Self::Sqlite(pool) => Lock::Sqlite(pool.begin_with("BEGIN IMMEDIATE").await?),
            Self::Postgres(pool) => {
                let mut tx = pool.begin().await?;
                sqlx::query(sql).execute(&mut *tx).await?;
                Lock::Postgres(tx)
            }
            Self::Mysql(pool) => {
                let mut tx = pool.begin().await?;
                sqlx::query(sql).execute(&mut *tx).await?;
                Lock::Mysql(tx)
            }
        })
    }
}
