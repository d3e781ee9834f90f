//! The accounts of both banks, seen past the banks' programs.

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{PgPool, SqlitePool};

use crate::Failure;

/// What is in each account of bank A at the start, in cents.
const OPENING_CENTS: i64 = 100_000_000;

/// Both banks' accounts.
#[derive(Debug)]
pub(super) struct Ledger {
    bank_a: Accounts,
    bank_b: Accounts,
    /// How many accounts each bank has: 1, 2 and so on.
    pub(super) accounts: u32,
}

/// One bank's accounts.
#[derive(Debug)]
enum Accounts {
    Sqlite(SqlitePool),
    Postgres(PgPool),
}

impl Ledger {
    /// Makes accounts at both banks: full ones at bank A, empty ones at bank B.
    pub(super) async fn open(bank_a: &str, bank_b: &str, accounts: u32) -> Result<Self, Failure> {
        let (bank_a, bank_b) = (Accounts::connect(bank_a).await?, Accounts::connect(bank_b).await?);
        bank_a.make(accounts, OPENING_CENTS).await?;
        bank_b.make(accounts, 0).await?;
        Ok(Self { bank_a, bank_b, accounts })
    }

    /// What has left bank A, in cents.
    pub(super) async fn left(&self) -> Result<i64, Failure> {
        Ok(OPENING_CENTS * i64::from(self.accounts) - self.bank_a.cents(self.accounts).await?)
    }

    /// What has arrived at bank B, in cents.
    pub(super) async fn arrived(&self) -> Result<i64, Failure> {
        self.bank_b.cents(self.accounts).await
    }
}

impl Accounts {
    async fn connect(database: &str) -> Result<Self, Failure> {
        Ok(if database.starts_with("sqlite:") {
            Self::Sqlite(SqlitePool::connect_with(database.parse::<SqliteConnectOptions>()?).await?)
        } else {
            Self::Postgres(PgPool::connect(database).await?)
        })
    }

    async fn make(&self, accounts: u32, cents: i64) -> Result<(), Failure> {
        match self {
            Self::Sqlite(pool) => {
                let sql = "WITH RECURSIVE account (id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM account WHERE id < ?) \
                    INSERT INTO user_account (user_id, balance) SELECT id, ? FROM account WHERE true \
                    ON CONFLICT (user_id) DO UPDATE SET balance = excluded.balance";
                sqlx::query(sql).bind(accounts).bind(cents).execute(pool).await?;
            }
            Self::Postgres(pool) => {
                let sql = "INSERT INTO user_account (user_id, balance) SELECT id, $2 / 100.0 \
                    FROM generate_series(1, $1) AS account (id) \
                    ON CONFLICT (user_id) DO UPDATE SET balance = excluded.balance";
                sqlx::query(sql).bind(i64::from(accounts)).bind(cents).execute(pool).await?;
            }
        }
        Ok(())
    }

    /// What these accounts hold together.
    async fn cents(&self, accounts: u32) -> Result<i64, Failure> {
        Ok(match self {
            Self::Sqlite(pool) => {
                let sql = "SELECT SUM(balance) FROM user_account WHERE user_id <= ?";
                sqlx::query_scalar(sql).bind(accounts).fetch_one(pool).await?
            }
            Self::Postgres(pool) => {
                let sql = "SELECT CAST(SUM(balance) * 100 AS BIGINT) FROM user_account WHERE user_id <= $1";
                sqlx::query_scalar(sql).bind(i64::from(accounts)).fetch_one(pool).await?
            }
        })
    }
}
