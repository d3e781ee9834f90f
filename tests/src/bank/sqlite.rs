//! The bank's SQL on SQLite.

use std::str::FromStr;

use branchwire::{Database, Tx};
use futures_util::StreamExt;
use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions};
use sqlx::{AssertSqlSafe, Sqlite, SqlitePool};

use super::{ACCOUNT, BankDriver, OTHER_ACCOUNT, Row};
use crate::database::TestDatabase;

impl BankDriver for Sqlite {
    async fn database() -> Option<TestDatabase> {
        Some(TestDatabase::sqlite())
    }

    async fn pool(url: &str, connections_max: u32) -> SqlitePool {
        let options = SqliteConnectOptions::from_str(url).expect("a URL");
        SqlitePoolOptions::new().max_connections(connections_max).connect_with(options).await.expect("a pool")
    }

    async fn create_accounts(pool: &SqlitePool) {
        sqlx::query("CREATE TABLE user_account (user_id INTEGER PRIMARY KEY, balance INTEGER NOT NULL)")
            .execute(pool)
            .await
            .expect("the accounts' table");
        sqlx::query("INSERT INTO user_account VALUES (?, 0), (?, 0)")
            .bind(ACCOUNT)
            .bind(OTHER_ACCOUNT)
            .execute(pool)
            .await
            .expect("the accounts");
    }

    async fn balance(pool: &SqlitePool, account: i64) -> i64 {
        sqlx::query_scalar("SELECT balance FROM user_account WHERE user_id = ?")
            .bind(account)
            .fetch_one(pool)
            .await
            .expect("a balance")
    }

    async fn barrier_rows(pool: &SqlitePool, gid: &str) -> Vec<Row> {
        sqlx::query_as(
            "SELECT trans_type, branch_id, op, barrier_id, reason FROM dtm_barrier_barrier WHERE gid = ? ORDER BY op",
        )
        .bind(gid)
        .fetch_all(pool)
        .await
        .expect("barrier rows")
    }

    async fn credit<D: Database<Driver = Self>>(tx: &mut Tx<D>, account: i64, amount: i64) -> Result<(), sqlx::Error> {
        sqlx::query("UPDATE user_account SET balance = balance + ? WHERE user_id = ?")
            .bind(amount)
            .bind(account)
            .execute(&mut *tx)
            .await
            .map(drop)
    }

    async fn execute<D: Database<Driver = Self>>(tx: &mut Tx<D>, sql: &'static str) -> Result<(), sqlx::Error> {
        sqlx::raw_sql(sql).execute(&mut *tx).await.map(drop)
    }

    async fn execute_and_drop<D: Database<Driver = Self>>(tx: &mut Tx<D>, sql: &'static str) {
        let first = sqlx::raw_sql(sql).fetch(&mut *tx).next().await;
        first.expect("a row").expect("no error yet");
    }

    async fn execute_outside(pool: &SqlitePool, sql: &str) -> Result<(), sqlx::Error> {
        sqlx::raw_sql(AssertSqlSafe(sql)).execute(pool).await.map(drop)
    }
}
