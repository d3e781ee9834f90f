//! Barrier rows of any age, for tests of the sweep.

use std::future::Future;
use std::time::Duration;

use sqlx::{AssertSqlSafe, MySql, Pool, Postgres, Sqlite};

use crate::bank::BankDriver;

/// Fills the barrier table.
pub trait OldRows: BankDriver {
    /// Adds `rows` rows of this age, each of a message of its own.
    fn add_rows(pool: &Pool<Self>, rows: u64, age: Duration) -> impl Future<Output = ()> + Send;

    /// How many rows there are.
    fn rows(pool: &Pool<Self>) -> impl Future<Output = i64> + Send;
}

impl OldRows for Sqlite {
    async fn add_rows(pool: &Pool<Self>, rows: u64, age: Duration) {
        let sql = format!(
            "WITH RECURSIVE seq(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM seq WHERE n < {rows}) \
             INSERT INTO dtm_barrier_barrier (trans_type, gid, branch_id, op, barrier_id, reason, create_time) \
             SELECT 'msg', lower(hex(randomblob(16))), '01', 'action', '01', 'action', \
             datetime('now', '-{} seconds') FROM seq",
            age.as_secs()
        );
        sqlx::raw_sql(AssertSqlSafe(sql)).execute(pool).await.expect("rows");
    }

    async fn rows(pool: &Pool<Self>) -> i64 {
        sqlx::query_scalar("SELECT count(*) FROM dtm_barrier_barrier").fetch_one(pool).await.expect("a number")
    }
}

impl OldRows for Postgres {
    async fn add_rows(pool: &Pool<Self>, rows: u64, age: Duration) {
        let sql = format!(
            "INSERT INTO dtm_barrier.barrier (trans_type, gid, branch_id, op, barrier_id, reason, create_time) \
             SELECT 'msg', md5(random()::text || n), '01', 'action', '01', 'action', now() - interval '{} seconds' \
             FROM generate_series(1, {rows}) AS n",
            age.as_secs()
        );
        sqlx::raw_sql(AssertSqlSafe(sql)).execute(pool).await.expect("rows");
    }

    async fn rows(pool: &Pool<Self>) -> i64 {
        sqlx::query_scalar("SELECT count(*) FROM dtm_barrier.barrier").fetch_one(pool).await.expect("a number")
    }
}

impl OldRows for MySql {
    async fn add_rows(pool: &Pool<Self>, rows: u64, age: Duration) {
        let sql = format!(
            "INSERT INTO dtm_barrier.barrier (trans_type, gid, branch_id, op, barrier_id, reason, create_time) \
             SELECT 'msg', MD5(CONCAT(RAND(), seq)), '01', 'action', '01', 'action', NOW() - INTERVAL {} SECOND \
             FROM seq_1_to_{rows}",
            age.as_secs()
        );
        sqlx::raw_sql(AssertSqlSafe(sql)).execute(pool).await.expect("rows");
    }

    async fn rows(pool: &Pool<Self>) -> i64 {
        sqlx::query_scalar("SELECT COUNT(*) FROM dtm_barrier.barrier").fetch_one(pool).await.expect("a number")
    }
}
