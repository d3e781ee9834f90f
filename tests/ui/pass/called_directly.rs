//! The function is a function.

use branchwire::prelude::*;

#[derive(Clone, Database)]
pub struct Bank(sqlx::SqlitePool);

#[msg_branch]
async fn trans_in(tx: &mut Tx<Bank>, amount: i64) -> Result<(), Retry> {
    sqlx::query("UPDATE account SET balance = balance + ?").bind(amount).execute(&mut *tx).await?;
    Ok(())
}

#[tokio::test]
async fn it_is_called_in_a_test_of_its_own() {
    let pool = sqlx::SqlitePool::connect("sqlite::memory:").await.unwrap();
    sqlx::raw_sql("CREATE TABLE account (balance INTEGER); INSERT INTO account VALUES (1)")
        .execute(&pool)
        .await
        .unwrap();
    let bank = Bank(pool);
    let mut tx = Tx::begin(&bank).await.unwrap();
    trans_in(&mut tx, 30).await.unwrap();
    tx.commit().await.unwrap();
    let balance: i64 = sqlx::query_scalar("SELECT balance FROM account").fetch_one(&bank.0).await.unwrap();
    assert_eq!(balance, 31);
}
