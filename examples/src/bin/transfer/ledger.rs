//! A look at the accounts from outside, past the banks' programs.

use branchwire_examples::banks::{Kind, USER_A, USER_B};
use branchwire_examples::stage::Error;
use sqlx::{MySqlPool, PgPool, SqlitePool};

/// Both accounts, wherever they are.
pub(crate) struct Ledger {
    bank_a: Accounts,
    bank_b: Accounts,
}

/// The balances, in cents.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Balances {
    pub(crate) bank_a: i64,
    pub(crate) bank_b: i64,
}

enum Accounts {
    Sqlite(SqlitePool),
    Postgres(PgPool),
    Mysql(MySqlPool),
}

/// A lock on the account at bank A, so that a debit of it has to wait; dropped, it lets go.
#[expect(dead_code, reason = "they are held, not read")]
pub(crate) enum Lock {
    Sqlite(sqlx::Transaction<'static, sqlx::Sqlite>),
    Postgres(sqlx::Transaction<'static, sqlx::Postgres>),
    Mysql(sqlx::Transaction<'static, sqlx::MySql>),
}

impl Ledger {
    pub(crate) async fn open(bank_a: &str, bank_b: &str) -> Result<Self, Error> {
        Ok(Self { bank_a: Accounts::open(bank_a).await?, bank_b: Accounts::open(bank_b).await? })
    }

    pub(crate) async fn balances(&self) -> Result<Balances, Error> {
        Ok(Balances { bank_a: self.bank_a.balance(USER_A).await?, bank_b: self.bank_b.balance(USER_B).await? })
    }

    /// Pays cash in at bank A, or out where it is less than nothing.
    pub(crate) async fn pay_in(&self, cents: i64) -> Result<(), Error> {
        match &self.bank_a {
            Accounts::Sqlite(pool) => {
                let sql = "UPDATE user_account SET balance = balance + ? WHERE user_id = ?";
                sqlx::query(sql).bind(cents).bind(USER_A).execute(pool).await?;
            }
            Accounts::Postgres(pool) => {
                let sql = "UPDATE user_account SET balance = balance + $1 / 100.0 WHERE user_id = $2";
                sqlx::query(sql).bind(cents).bind(USER_A).execute(pool).await?;
            }
            Accounts::Mysql(pool) => {
                let sql = "UPDATE user_account SET balance = balance + ? / 100 WHERE user_id = ?";
                sqlx::query(sql).bind(cents).bind(USER_A).execute(pool).await?;
            }
        }
        Ok(())
    }

    pub(crate) async fn lock_bank_a(&self) -> Result<Lock, Error> {
        let sql = "SELECT balance FROM user_account WHERE user_id = 1 FOR UPDATE";
        Ok(match &self.bank_a {
            // SQLite locks the whole file.
            Accounts::Sqlite(pool) => Lock::Sqlite(pool.begin_with("BEGIN IMMEDIATE").await?),
            Accounts::Postgres(pool) => {
                let mut tx = pool.begin().await?;
                sqlx::query(sql).execute(&mut *tx).await?;
                Lock::Postgres(tx)
            }
            Accounts::Mysql(pool) => {
                let mut tx = pool.begin().await?;
                sqlx::query(sql).execute(&mut *tx).await?;
                Lock::Mysql(tx)
            }
        })
    }
}

impl Accounts {
    async fn open(database: &str) -> Result<Self, Error> {
        Ok(match Kind::of(database)? {
            Kind::Sqlite => Self::Sqlite(SqlitePool::connect(database).await?),
            Kind::Postgres => Self::Postgres(PgPool::connect(database).await?),
            Kind::Mysql => Self::Mysql(MySqlPool::connect(database).await?),
        })
    }

    async fn balance(&self, user_id: i64) -> Result<i64, sqlx::Error> {
        match self {
            Self::Sqlite(pool) => {
                let sql = "SELECT balance FROM user_account WHERE user_id = ?";
                sqlx::query_scalar(sql).bind(user_id).fetch_one(pool).await
            }
            Self::Postgres(pool) => {
                let sql = "SELECT (balance * 100)::bigint FROM user_account WHERE user_id = $1";
                sqlx::query_scalar(sql).bind(user_id).fetch_one(pool).await
            }
            Self::Mysql(pool) => {
                let sql = "SELECT CAST(balance * 100 AS SIGNED) FROM user_account WHERE user_id = ?";
                sqlx::query_scalar(sql).bind(user_id).fetch_one(pool).await
            }
        }
    }
}
