//! The bank's SQL on MySQL and MariaDB.

use branchwire::{Database, Tx};
use futures_util::StreamExt;
use sqlx::mysql::MySqlPoolOptions;
use sqlx::{AssertSqlSafe, MySql, MySqlPool};

use super::{ACCOUNT, BankDriver, OTHER_ACCOUNT, Row};
use crate::database::TestDatabase;

impl BankDriver for MySql {
    async fn database() -> Option<TestDatabase> {
        TestDatabase::mysql().await
    }

    async fn pool(url: &str, connections_max: u32) -> MySqlPool {
        MySqlPoolOptions::new().max_connections(connections_max).connect(url).await.expect("a pool")
    }

    async fn create_accounts(pool: &MySqlPool) {
        sqlx::query("CREATE TABLE user_account (user_id BIGINT PRIMARY KEY, balance BIGINT NOT NULL)")
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

    async fn balance(pool: &MySqlPool, account: i64) -> i64 {
        sqlx::query_scalar("SELECT balance FROM user_account WHERE user_id = ?")
            .bind(account)
            .fetch_one(pool)
            .await
            .expect("a balance")
    }

    async fn barrier_rows(pool: &MySqlPool, gid: &str) -> Vec<Row> {
        sqlx::query_as(
            "SELECT trans_type, branch_id, op, barrier_id, reason FROM dtm_barrier.barrier WHERE gid = ? ORDER BY op",
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

    async fn execute_outside(pool: &MySqlPool, sql: &str) -> Result<(), sqlx::Error> {
        sqlx::raw_sql(AssertSqlSafe(sql)).execute(pool).await.map(drop)
    }
}
