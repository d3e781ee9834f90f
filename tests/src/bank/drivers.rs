//! The bank's SQL on each database. What differs is how a parameter is written and where the barrier table is.

use branchwire::{Database, Tx};
use futures_util::StreamExt;
use sqlx::pool::PoolOptions;
use sqlx::{AssertSqlSafe, MySql, Pool, Postgres, Sqlite};

use super::{ACCOUNT, BankDriver, OTHER_ACCOUNT, Row};
use crate::database::TestDatabase;

macro_rules! driver {
    ($driver:ident, $database:expr, parameters: $first:literal $second:literal, barrier: $barrier:literal) => {
        impl BankDriver for $driver {
            async fn database() -> Option<TestDatabase> {
                $database
            }

            async fn pool(url: &str, connections_max: u32) -> Pool<Self> {
                // So that connections are handed over.
                let options = PoolOptions::new().max_connections(connections_max).test_before_acquire(false);
                options.connect(url).await.expect("a pool")
            }

            async fn create_accounts(pool: &Pool<Self>) {
                sqlx::query("CREATE TABLE user_account (user_id BIGINT PRIMARY KEY, balance BIGINT NOT NULL)")
                    .execute(pool)
                    .await
                    .expect("the accounts' table");
                sqlx::query(concat!("INSERT INTO user_account VALUES (", $first, ", 0), (", $second, ", 0)"))
                    .bind(ACCOUNT)
                    .bind(OTHER_ACCOUNT)
                    .execute(pool)
                    .await
                    .expect("the accounts");
            }

            async fn balance(pool: &Pool<Self>, account: i64) -> i64 {
                sqlx::query_scalar(concat!("SELECT balance FROM user_account WHERE user_id = ", $first))
                    .bind(account)
                    .fetch_one(pool)
                    .await
                    .expect("a balance")
            }

            async fn barrier_rows(pool: &Pool<Self>, gid: &str) -> Vec<Row> {
                let columns = "trans_type, branch_id, op, barrier_id, reason";
                let rows = format!("SELECT {columns} FROM {} WHERE gid = {} ORDER BY op", $barrier, $first);
                sqlx::query_as(AssertSqlSafe(rows)).bind(gid).fetch_all(pool).await.expect("barrier rows")
            }

            async fn credit<D: Database<Driver = Self>>(
                tx: &mut Tx<D>,
                account: i64,
                amount: i64,
            ) -> Result<(), sqlx::Error> {
                sqlx::query(concat!(
                    "UPDATE user_account SET balance = balance + ",
                    $first,
                    " WHERE user_id = ",
                    $second
                ))
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

            async fn execute_outside(pool: &Pool<Self>, sql: &str) -> Result<(), sqlx::Error> {
                sqlx::raw_sql(AssertSqlSafe(sql)).execute(pool).await.map(drop)
            }
        }
    };
}

driver!(Sqlite, Some(TestDatabase::sqlite()), parameters: "?" "?", barrier: "dtm_barrier_barrier");
driver!(Postgres, TestDatabase::postgres().await, parameters: "$1" "$2", barrier: "dtm_barrier.barrier");
driver!(MySql, TestDatabase::mysql().await, parameters: "?" "?", barrier: "dtm_barrier.barrier");
