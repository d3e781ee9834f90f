//! A dropped transaction closed its connection, and a SQLite database in memory was gone with it.

use branchwire::prelude::*;
use branchwire_tests::bank::{ACCOUNT, Bank, BankDriver};
use sqlx::SqlitePool;
use sqlx::sqlite::SqlitePoolOptions;

crate::each::on_each_database! { f21_a_dropped_transaction_is_rolled_back_and_its_connection_kept }

#[derive(Clone, Database)]
struct Memory(SqlitePool);

#[tokio::test]
async fn f21_a_database_in_memory_outlives_a_dropped_transaction() {
    let pool = SqlitePoolOptions::new().max_connections(1).connect("sqlite::memory:").await.unwrap();
    let bank = Memory(pool);
    sqlx::query("CREATE TABLE account (balance INTEGER)").execute(&bank.0).await.unwrap();

    let mut tx = Tx::begin(&bank).await.unwrap();
    sqlx::query("INSERT INTO account VALUES (1)").execute(&mut tx).await.unwrap();
    drop(tx);
    let rows: i64 = sqlx::query_scalar("SELECT count(*) FROM account").fetch_one(&bank.0).await.unwrap();
    assert_eq!(rows, 0, "it was rolled back");

    // Dropped before the begin has ended, and after a statement that failed.
    for _ in 0..20 {
        let begin = Box::pin(Tx::begin(&bank));
        let _ = futures_util::FutureExt::now_or_never(begin);
    }
    let mut tx = Tx::begin(&bank).await.unwrap();
    sqlx::query("INSERT INTO nothing VALUES (1)").execute(&mut tx).await.unwrap_err();
    drop(tx);
    let rows: i64 = sqlx::query_scalar("SELECT count(*) FROM account").fetch_one(&bank.0).await.unwrap();
    assert_eq!(rows, 0);
}

async fn f21_a_dropped_transaction_is_rolled_back_and_its_connection_kept<DB: BankDriver>(bank: Bank<DB>) {
    let bank = bank.another_pool(1).await;
    for _ in 0..3 {
        let mut tx = Tx::begin(&bank).await.unwrap();
        DB::credit(&mut tx, ACCOUNT, 30).await.unwrap();
        drop(tx);
        // The pool has one connection: this waits until the rollback has ended.
        assert_eq!(bank.balance(ACCOUNT).await, 0);
        assert_eq!(bank.pool().size(), 1);
    }
}
