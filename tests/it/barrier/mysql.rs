//! What only MySQL and MariaDB have.

use branchwire::protocol::Gid;
use branchwire::simulation::{self, BarrierKey};
use branchwire::{Database, Fault, Reply, Tx};
use branchwire_tests::bank::{ACCOUNT, Bank, BankDriver, OTHER_ACCOUNT};
use branchwire_tests::database::TestDatabase;
use branchwire_tests::server;
use branchwire_tests::service::Service;
use sqlx::{Connection, MySql, MySqlConnection};

use super::trouble;

const DEADLOCK: &str = "SIGNAL SQLSTATE '40001' SET MYSQL_ERRNO = 1213, MESSAGE_TEXT = 'FAILURE'";
const LOCK_TIMEOUT: &str = "SIGNAL SQLSTATE 'HY000' SET MYSQL_ERRNO = 1205, MESSAGE_TEXT = 'FAILURE'";
const KILLED: &str = "KILL CONNECTION CONNECTION_ID()";

fn crediting(bank: &Bank<MySql>) -> Service {
    Service::new(bank, |tx, amount| Box::pin(async move { Ok(MySql::credit(tx, ACCOUNT, amount).await?) }))
}

#[tokio::test]
async fn a_conflict_is_tried_three_times() {
    let Some(bank) = Bank::<MySql>::open().await else { return };
    for sql in [DEADLOCK, LOCK_TIMEOUT] {
        trouble::is_tried_three_times(&bank, sql).await;
    }
}

#[tokio::test]
async fn a_lost_connection_is_tried_three_times() {
    let Some(bank) = Bank::<MySql>::open().await else { return };
    trouble::is_tried_three_times(&bank, KILLED).await;
}

#[tokio::test]
async fn a_deadlock_passes() {
    let Some(bank) = Bank::<MySql>::open().await else { return };
    trouble::a_deadlock_passes(&bank).await;
}

#[tokio::test]
async fn errors_are_told_apart() {
    let Some(bank) = Bank::<MySql>::open().await else { return };
    trouble::errors_mean(&bank, &[DEADLOCK, LOCK_TIMEOUT], Fault::Conflict).await;
    trouble::errors_mean(&bank, &[KILLED], Fault::Lost).await;
    trouble::errors_mean(&bank, &["SELECT no_such_column", "INSERT INTO user_account VALUES (1, 0)"], Fault::Statement)
        .await;
}

#[tokio::test]
async fn a_question_whose_connection_is_lost_is_unknown() {
    let Some(bank) = Bank::<MySql>::open().await else { return };
    // KILL takes no query, so a block finds the waiting connection; the block fails if there is none.
    trouble::a_lost_question_is_unknown(
        &bank,
        "BEGIN NOT ATOMIC
            DECLARE waiting BIGINT;
            SELECT trx_mysql_thread_id INTO waiting FROM information_schema.innodb_trx
                JOIN information_schema.processlist ON id = trx_mysql_thread_id
                WHERE trx_state = 'LOCK WAIT' AND db = DATABASE();
            IF waiting IS NULL THEN SIGNAL SQLSTATE '45000'; END IF;
            KILL CONNECTION waiting;
         END",
    )
    .await;
}

/// Whether `update_time` of a barrier row is NULL.
async fn update_time_is_null(bank: &Bank<MySql>, gid: &Gid) -> bool {
    sqlx::query_scalar("SELECT update_time IS NULL FROM dtm_barrier.barrier WHERE gid = ?")
        .bind(gid.as_str())
        .fetch_one(bank.pool())
        .await
        .unwrap()
}

#[tokio::test]
async fn a_repeat_is_answered_after_a_commit_that_wrote() {
    let Some(bank) = Bank::<MySql>::open().await else { return };
    let (service, gid) = (crediting(&bank), Gid::random());
    for written in [false, true, false] {
        assert_eq!(service.call(&gid, 30).await, Reply::Success);
        assert_eq!(update_time_is_null(&bank, &gid).await, written);
    }
}

#[tokio::test]
async fn a_question_is_answered_after_a_commit_that_wrote() {
    let Some(bank) = Bank::<MySql>::open().await else { return };
    let (service, gid) = (crediting(&bank), Gid::random());
    let (tx, _) = simulation::enter(&bank, &BarrierKey::local(gid.clone())).await.unwrap();
    tx.commit().await.unwrap();
    for written in [true, false] {
        assert_eq!(service.query_prepared(&gid).await, Reply::Success);
        assert_eq!(update_time_is_null(&bank, &gid).await, written);
    }
}

#[tokio::test]
async fn a_connection_goes_back_as_it_came() {
    let Some(bank) = Bank::<MySql>::open().await else { return };
    let bank = bank.another_pool(1).await;
    MySql::execute_outside(bank.pool(), "SET SESSION innodb_lock_wait_timeout = 7").await.unwrap();
    let (service, gid) = (crediting(&bank), Gid::random());
    assert_eq!(service.call(&gid, 30).await, Reply::Success);
    assert_eq!(service.call(&gid, 30).await, Reply::Success);
    assert_eq!(service.query_prepared(&gid).await, Reply::Refused);
    assert_eq!(service.query_prepared(&gid).await, Reply::Refused);
    Tx::begin(&bank).await.unwrap().rollback().await.unwrap();
    let session: (i64, i64, String) = sqlx::query_as(
        "SELECT CAST(@@autocommit AS SIGNED), CAST(@@innodb_lock_wait_timeout AS SIGNED), @@tx_isolation",
    )
    .fetch_one(bank.pool())
    .await
    .unwrap();
    assert_eq!(session, (1, 7, "REPEATABLE-READ".to_owned()));
}

#[tokio::test]
async fn a_rollback_hidden_in_a_procedure_is_noticed() {
    let Some(bank) = Bank::<MySql>::open().await else { return };
    MySql::execute_outside(bank.pool(), "CREATE PROCEDURE hidden() ROLLBACK").await.unwrap();
    let service = Service::new(&bank, |tx, amount| {
        Box::pin(async move {
            MySql::credit(tx, ACCOUNT, amount).await?;
            MySql::execute(tx, "CALL hidden()").await?;
            MySql::credit(tx, OTHER_ACCOUNT, amount).await?;
            Ok(())
        })
    });
    let gid = Gid::random();
    assert_eq!(service.call(&gid, 30).await, Reply::Retry);
    assert_eq!((bank.balance(ACCOUNT).await, bank.balance(OTHER_ACCOUNT).await), (0, 0));
    assert_eq!(bank.barrier_rows(&gid).await, []);
}

/// The database rolls the whole transaction back at a deadlock. Even if a procedure ignores that, the second half must
/// not commit.
#[tokio::test]
async fn a_deadlock_swallowed_in_a_procedure_leaves_no_half() {
    let Some(bank) = Bank::<MySql>::open().await else { return };
    MySql::execute_outside(
        bank.pool(),
        "CREATE PROCEDURE swallow() BEGIN
            DECLARE CONTINUE HANDLER FOR SQLEXCEPTION BEGIN END;
            UPDATE user_account SET balance = balance + 30 WHERE user_id = 2;
            UPDATE user_account SET balance = balance + 30 WHERE user_id = 3;
         END",
    )
    .await
    .unwrap();
    // A heavy transaction, which the database prefers to the branch's.
    MySql::execute_outside(bank.pool(), "INSERT INTO user_account SELECT seq, 0 FROM seq_3_to_1000").await.unwrap();
    let mut heavy = MySqlConnection::connect(bank.url()).await.unwrap();
    sqlx::raw_sql("BEGIN; UPDATE user_account SET balance = 1 WHERE user_id > 3; UPDATE user_account SET balance = 0 WHERE user_id = 2")
        .execute(&mut heavy)
        .await
        .unwrap();

    let service = Service::new(&bank, |tx, amount| {
        Box::pin(async move {
            MySql::credit(tx, ACCOUNT, amount).await?;
            MySql::execute(tx, "CALL swallow()").await?;
            Ok(())
        })
    });
    let gid = Gid::random();
    let deadlock = async {
        let waiting = "SELECT COUNT(*) FROM information_schema.innodb_trx \
                       JOIN information_schema.processlist ON id = trx_mysql_thread_id \
                       WHERE trx_state = 'LOCK WAIT' AND db = DATABASE()";
        while sqlx::query_scalar::<_, i64>(waiting).fetch_one(bank.pool()).await.unwrap() == 0 {
            tokio::time::sleep(trouble::LOOK_AGAIN).await;
        }
        sqlx::raw_sql("UPDATE user_account SET balance = 0 WHERE user_id = 1; COMMIT")
            .execute(&mut heavy)
            .await
            .unwrap();
    };
    let (reply, ()) = tokio::join!(service.call(&gid, 30), deadlock);
    assert_eq!(reply, Reply::Success);
    // A half of the first attempt would change only one account.
    for account in [1, 2, 3] {
        assert_eq!(bank.balance(account).await, 30, "{account}");
    }
}

#[tokio::test]
async fn a_gid_that_compares_as_equal_is_an_error_and_not_a_repeat() {
    let Some(server) = server::own_mysql().await else { return };
    let bank = Bank::<MySql>::on(TestDatabase::on(&server).await, 10).await;
    // The table in the form that DTM creates.
    MySql::execute_outside(
        bank.pool(),
        "ALTER TABLE dtm_barrier.barrier CONVERT TO CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci",
    )
    .await
    .unwrap();
    let (service, gid) = (crediting(&bank), |text| Gid::new(text).unwrap());
    assert_eq!(service.call(&gid("order-1"), 30).await, Reply::Success);
    for other in ["Order-1", "ORDER-1"] {
        assert_eq!(service.call(&gid(other), 30).await, Reply::Retry, "{other}");
    }
    // One of the two messages has failed. The other one's row says nothing about it.
    assert_eq!(service.query_prepared(&gid("Order-1")).await, Reply::Refused);
    assert_eq!(service.query_prepared(&gid("order-1")).await, Reply::Retry);
    assert_eq!(service.call(&gid("order-1"), 30).await, Reply::Success);
    assert_eq!(bank.balance(ACCOUNT).await, 30);
}

#[tokio::test]
async fn a_duplicate_of_another_key_is_an_error_and_no_repeat() {
    let Some(server) = server::own_mysql().await else { return };
    let bank = Bank::<MySql>::on(TestDatabase::on(&server).await, 10).await;
    MySql::execute_outside(bank.pool(), "ALTER TABLE dtm_barrier.barrier ADD UNIQUE KEY other (trans_type)")
        .await
        .unwrap();
    let service = crediting(&bank);
    assert_eq!(service.call(&Gid::random(), 30).await, Reply::Success);
    assert_eq!(service.call(&Gid::random(), 12).await, Reply::Retry);
    assert_eq!(bank.balance(ACCOUNT).await, 30);
}

#[tokio::test]
async fn a_row_of_a_service_in_another_language_counts() {
    let Some(bank) = Bank::<MySql>::open().await else { return };
    let gid = Gid::random();
    sqlx::query(
        "INSERT IGNORE INTO dtm_barrier.barrier (trans_type, gid, branch_id, op, barrier_id, reason) \
         VALUES ('msg', ?, '01', 'action', '01', 'action')",
    )
    .bind(gid.as_str())
    .execute(bank.pool())
    .await
    .unwrap();
    let service = Service::new(&bank, |_, _| Box::pin(async { panic!("it has been applied") }));
    assert_eq!(service.call(&gid, 30).await, Reply::Success);
}
