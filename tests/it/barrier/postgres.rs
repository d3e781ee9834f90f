//! What only PostgreSQL has.

use branchwire::protocol::Gid;
use branchwire::{CommitError, Database, Fault, Reply, Tx};
use branchwire_tests::bank::{ACCOUNT, Bank, BankDriver};
use branchwire_tests::service::Service;
use sqlx::Postgres;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};

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
    // A query of the waiting connections; without any it fails by a division by zero.
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

/// If the meaning of a text depends on `standard_conforming_strings`, the guard lets it pass.
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

/// Whatever does not stand for itself in a text of SQL is sent beside it.
#[tokio::test]
async fn a_gid_that_looks_like_sql_is_a_name_and_no_more() {
    let Some(bank) = Bank::<Postgres>::open().await else { return };
    let service =
        Service::new(&bank, |tx, amount| Box::pin(async move { Ok(Postgres::credit(tx, ACCOUNT, amount).await?) }));
    let names = ["a-_.:/9", "it's", "it\\'s", "');COMMIT;--", "\u{e9}", "$1", "E'a'"];
    for (applied, name) in (1..).zip(names) {
        let query = url::form_urlencoded::Serializer::new(String::new()).append_pair("gid", name).finish();
        for _ in 0..2 {
            let uri = format!("/branch?{query}&trans_type=msg&branch_id=01&op=action");
            let request = axum::http::Request::post(uri).body("30".into()).unwrap();
            assert_eq!(service.send(request).await, Reply::Success, "{name}");
        }
        assert_eq!(bank.balance(ACCOUNT).await, 30 * applied, "{name}");
        assert_eq!(bank.barrier_rows(&Gid::new(name).unwrap()).await.len(), 1, "{name}");
    }
}

/// It was handed over, or kept for the next one: nothing tests it between the two.
#[tokio::test]
async fn a_connection_that_dies_between_two_transactions_does_no_harm() {
    let Some(bank) = Bank::<Postgres>::open().await else { return };
    assert!(bank.recycling().is_some());
    let others = bank.another_pool(1).await;
    for round in 1..=5 {
        let mut tx = Tx::begin(&bank).await.unwrap();
        Postgres::credit(&mut tx, ACCOUNT, 30).await.unwrap();
        let pid: i32 = sqlx::query_scalar("SELECT pg_backend_pid()").fetch_one(&mut tx).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(others.balance(ACCOUNT).await, 30 * round);
        let kill = "SELECT pg_terminate_backend($1)";
        sqlx::query(kill).bind(pid).execute(others.pool()).await.unwrap();
    }
}

/// More of them than a call makes attempts.
#[tokio::test]
async fn a_transaction_begins_though_every_kept_connection_has_died() {
    const CONNECTIONS: u32 = 5;
    let Some(bank) = Bank::<Postgres>::open().await else { return };
    let name = Gid::random().to_string();
    let options: PgConnectOptions = bank.url().parse().unwrap();
    let options = options.application_name(&name);
    let pool = PgPoolOptions::new().max_connections(CONNECTIONS).test_before_acquire(false).connect_with(options);
    let frail = bank.through(pool.await.unwrap());
    let service =
        Service::new(&frail, |tx, amount| Box::pin(async move { Ok(Postgres::credit(tx, ACCOUNT, amount).await?) }));
    for round in 1..=2 {
        let mut held = Vec::new();
        for _ in 0..CONNECTIONS {
            held.push(frail.pool().acquire().await.unwrap());
        }
        for mut conn in held {
            conn.return_to_pool().await;
        }
        let kill = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = $1";
        let mut left = i64::from(CONNECTIONS);
        while left > 0 {
            left = sqlx::query_scalar(kill).bind(&name).fetch_one(bank.pool()).await.unwrap();
        }
        if round == 1 {
            Tx::begin(&frail).await.unwrap().rollback().await.unwrap();
        } else {
            assert_eq!(service.call(&Gid::random(), 30).await, Reply::Success);
        }
    }
    assert_eq!(bank.balance(ACCOUNT).await, 30);
}
