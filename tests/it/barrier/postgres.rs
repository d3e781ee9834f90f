//! What only PostgreSQL has.

use branchwire::protocol::Gid;
use branchwire::{CommitError, Database, Fault, Reply, Tx};
use branchwire_tests::bank::{ACCOUNT, Bank, BankDriver};
use branchwire_tests::service::Service;
use sqlx::Postgres;

use super::trouble;

const DEADLOCK: &str = "DO $$ BEGIN RAISE EXCEPTION 'FAILURE' USING ERRCODE = '40P01'; END $$";
const SERIALIZATION_FAILURE: &str = "DO $$ BEGIN RAISE EXCEPTION 'FAILURE' USING ERRCODE = '40001'; END $$";
const LOCK_TIMEOUT: &str = "DO $$ BEGIN RAISE EXCEPTION 'FAILURE' USING ERRCODE = '55P03'; END $$";
const KILLED: &str = "SELECT pg_terminate_backend(pg_backend_pid())";

#[tokio::test]
async fn a_conflict_is_tried_three_times() {
    let Some(bank) = Bank::<Postgres>::open().await else { return };
    for sql in [DEADLOCK, SERIALIZATION_FAILURE, LOCK_TIMEOUT] {
        trouble::is_tried_three_times(&bank, sql).await;
    }
}

#[tokio::test]
async fn a_lost_connection_is_tried_three_times() {
    let Some(bank) = Bank::<Postgres>::open().await else { return };
    trouble::is_tried_three_times(&bank, KILLED).await;
}

#[tokio::test]
async fn a_deadlock_passes() {
    let Some(bank) = Bank::<Postgres>::open().await else { return };
    trouble::a_deadlock_passes(&bank).await;
}

#[tokio::test]
async fn errors_are_told_apart() {
    let Some(bank) = Bank::<Postgres>::open().await else { return };
    trouble::errors_mean(&bank, &[DEADLOCK, SERIALIZATION_FAILURE, LOCK_TIMEOUT], Fault::Conflict).await;
    trouble::errors_mean(&bank, &[KILLED], Fault::Lost).await;
    trouble::errors_mean(&bank, &["SELECT 1 / 0", "SELECT no_such_column"], Fault::Statement).await;
}

#[tokio::test]
async fn a_question_whose_connection_is_lost_is_unknown() {
    let Some(bank) = Bank::<Postgres>::open().await else { return };
    // A query on the waiting ones that fails by a division if there are none.
    trouble::a_lost_question_is_unknown(
        &bank,
        "SELECT 1 / count(pg_terminate_backend(pid)) FROM pg_stat_activity \
         WHERE wait_event_type = 'Lock' AND datname = current_database()",
    )
    .await;
}

#[tokio::test]
async fn a_strict_default_of_the_database_does_not_reach_the_barrier() {
    let Some(bank) = Bank::<Postgres>::open().await else { return };
    let sql = "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET default_transaction_isolation = serializable', \
               current_database()); END $$";
    Postgres::execute_outside(bank.pool(), sql).await.unwrap();
    let bank = bank.another_pool(10).await;
    let mut tx = Tx::begin(&bank).await.unwrap();
    let level: String =
        sqlx::query_scalar("SELECT current_setting('transaction_isolation')").fetch_one(&mut tx).await.unwrap();
    assert_eq!(level, "read committed");
}

#[tokio::test]
async fn a_refused_commit_is_no_success_and_leaves_nothing_open() {
    let Some(bank) = Bank::<Postgres>::open().await else { return };
    Postgres::execute_outside(
        bank.pool(),
        "CREATE TABLE entry (user_id BIGINT REFERENCES user_account DEFERRABLE INITIALLY DEFERRED)",
    )
    .await
    .unwrap();
    let bank = bank.another_pool(1).await;
    Postgres::execute_outside(bank.pool(), "SET application_name = 'the first connection'").await.unwrap();

    let mut tx = Tx::begin(&bank).await.unwrap();
    Postgres::credit(&mut tx, ACCOUNT, 30).await.unwrap();
    Postgres::execute(&mut tx, "INSERT INTO entry VALUES (3)").await.unwrap();
    assert!(matches!(tx.commit().await, Err(CommitError::Refused(_))));
    assert_eq!(bank.balance(ACCOUNT).await, 0);
    let name: String =
        sqlx::query_scalar("SELECT current_setting('application_name')").fetch_one(bank.pool()).await.unwrap();
    assert_eq!(name, "the first connection", "it was rolled back, and kept");

    let service = Service::new(&bank, |tx, amount| {
        Box::pin(async move {
            Postgres::credit(tx, ACCOUNT, amount).await?;
            Postgres::execute(tx, "INSERT INTO entry VALUES (3)").await?;
            Ok(())
        })
    });
    let gid = Gid::random();
    assert_eq!(service.call(&gid, 30).await, Reply::Retry);
    assert_eq!(bank.balance(ACCOUNT).await, 0);
    assert_eq!(bank.barrier_rows(&gid).await, []);
}

#[tokio::test]
async fn a_row_of_a_service_in_another_language_counts() {
    let Some(bank) = Bank::<Postgres>::open().await else { return };
    let gid = Gid::random();
    sqlx::query(
        "INSERT INTO dtm_barrier.barrier (trans_type, gid, branch_id, op, barrier_id, reason) \
         VALUES ('msg', $1, '01', 'action', '01', 'action')",
    )
    .bind(gid.as_str())
    .execute(bank.pool())
    .await
    .unwrap();
    let service = Service::new(&bank, |_, _| Box::pin(async { panic!("it has been applied") }));
    assert_eq!(service.call(&gid, 30).await, Reply::Success);
}

/// Where `standard_conforming_strings` decides what a text means, the guard lets it pass.
#[tokio::test]
async fn a_hidden_commit_is_noticed_at_the_end() {
    let Some(bank) = Bank::<Postgres>::open().await else { return };
    for commits in [true, false] {
        let mut tx = Tx::begin(&bank).await.unwrap();
        Postgres::execute(&mut tx, "SELECT '\\'; COMMIT; -- '").await.unwrap();
        if commits {
            assert!(matches!(tx.commit().await, Err(CommitError::EndedEarly(_))));
        } else {
            tx.rollback().await.unwrap_err();
        }
    }
}
