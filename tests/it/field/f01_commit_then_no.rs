//! MySQL: a business that committed by itself in a procedure, and then refused, was reported as rolled back.

use std::sync::Arc;
use std::time::Duration;

use branchwire::prelude::*;
use branchwire::{MsgBranch, OrRefuse, QueryPrepared, Reply, ServiceUrl};
use branchwire_coordinator::testing::{Services, TestCoordinator};
use branchwire_tests::bank::{ACCOUNT, Bank, BankDriver, OTHER_ACCOUNT};
use branchwire_tests::service::Service;
use sqlx::MySql;
use tokio::sync::Notify;

/// Takes 1 from the account, and commits.
const TAKE: &str =
    "CREATE PROCEDURE take() BEGIN UPDATE user_account SET balance = balance - 1 WHERE user_id = 1; COMMIT; END";

/// The same, and then fails.
const TAKE_AND_FAIL: &str = "CREATE PROCEDURE take() BEGIN UPDATE user_account SET balance = balance - 1 \
     WHERE user_id = 1; COMMIT; SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'not in stock'; END";

/// The same, and then waits no longer than a second for a lock.
const TAKE_AND_WAIT_SHORTLY: &str = "CREATE PROCEDURE take() BEGIN UPDATE user_account SET balance = balance - 1 \
     WHERE user_id = 1; COMMIT; SET SESSION innodb_lock_wait_timeout = 1; END";

/// Commits, and begins another transaction.
const TAKE_AND_BEGIN: &str = "CREATE PROCEDURE take() BEGIN UPDATE user_account SET balance = balance - 1 \
     WHERE user_id = 1; COMMIT; START TRANSACTION; END";

/// How the business ends after the call of the procedure.
#[derive(Clone, Copy, Debug, PartialEq)]
enum End {
    WorksOn,
    Refuses,
    GivesUp,
}

async fn bank(procedure: &str) -> Option<Bank<MySql>> {
    let bank = Bank::<MySql>::open().await?;
    MySql::execute_outside(bank.pool(), procedure).await.unwrap();
    Some(bank)
}

async fn business(tx: &mut Tx<Bank<MySql>>, end: End) -> Result<(), BranchError> {
    MySql::execute(tx, "CALL take()").await?;
    match end {
        End::WorksOn => Ok(MySql::credit(tx, OTHER_ACCOUNT, 1).await?),
        End::Refuses => None.or_refuse("not in stock"),
        End::GivesUp => Err(Retry::new("not now").into()),
    }
}

#[tokio::test]
async fn f01_a_branch_that_commits_by_itself_is_never_reported_as_applied_or_refused() {
    for procedure in [TAKE, TAKE_AND_FAIL, TAKE_AND_BEGIN] {
        for end in [End::WorksOn, End::Refuses, End::GivesUp] {
            let Some(bank) = bank(procedure).await else { return };
            let service = Service::new(&bank, move |tx, _| Box::pin(business(tx, end)));
            let gid = Gid::random();
            for _ in 0..2 {
                assert_eq!(service.call(&gid, 1).await, Reply::Retry, "{procedure} {end:?}");
            }
            assert_eq!(bank.balance(ACCOUNT).await, -1, "it is not repeated either");
            assert_eq!(bank.balance(OTHER_ACCOUNT).await, 0, "what ran after the early end is not committed");
            assert_eq!(bank.barrier_rows(&gid).await[0].4, "incomplete");
        }
    }
}

#[tokio::test]
async fn f01_a_sender_whose_business_commits_by_itself_is_not_told_that_nothing_happened() {
    for procedure in [TAKE, TAKE_AND_FAIL, TAKE_AND_BEGIN] {
        for end in [End::WorksOn, End::Refuses, End::GivesUp] {
            let Some(bank) = bank(procedure).await else { return };
            let service = Service::new(&bank, |_, _| Box::pin(async { Ok(()) }));
            let services = Services::default();
            services.host("http://bank", service.router());
            let coordinator = TestCoordinator::start(services).await;
            let client: Client = coordinator.client();
            let prepared = QueryPrepared::new(&ServiceUrl::new("http://bank").unwrap(), "/prepared");
            let told = client
                .msg(MsgBranch::url("http://bank/branch", &1).unwrap())
                .do_and_submit(prepared, &bank, async |tx| business(tx, end).await)
                .await;
            let Ok(Done::EndedEarly { gid }) = told else { panic!("{procedure} {end:?}: {told:?}") };
            assert_eq!(coordinator.wait(&gid).await, branchwire::protocol::Status::Succeed);
            assert_eq!(bank.balance(ACCOUNT).await, -1);
            coordinator.stop().await;
        }
    }
}

/// What may roll back by itself says nothing of a business that has committed before.
#[tokio::test]
async fn f01_a_branch_that_commits_by_itself_and_then_meets_a_lock_is_not_reported_as_applied() {
    for ignores in [false, true] {
        let Some(bank) = bank(TAKE_AND_WAIT_SHORTLY).await else { return };
        let mut other = bank.pool().begin().await.unwrap();
        sqlx::query("SELECT * FROM user_account WHERE user_id = 2 FOR UPDATE").execute(&mut *other).await.unwrap();
        let service = Service::new(&bank, move |tx, _| {
            Box::pin(async move {
                MySql::execute(tx, "CALL take()").await?;
                let met = MySql::credit(tx, OTHER_ACCOUNT, 1).await;
                if ignores { Ok(()) } else { Ok(met?) }
            })
        });
        let gid = Gid::random();
        for _ in 0..2 {
            assert_eq!(service.call(&gid, 1).await, Reply::Retry, "{ignores}");
        }
        assert_eq!(bank.balance(ACCOUNT).await, -1, "it is not repeated");
        assert_eq!(bank.barrier_rows(&gid).await[0].4, "incomplete", "{ignores}");
        other.rollback().await.unwrap();
    }
}

#[tokio::test]
async fn f01_a_branch_that_commits_by_itself_and_panics_is_not_reported_as_applied() {
    let Some(bank) = bank(TAKE).await else { return };
    let service = Service::new(&bank, |tx, _| {
        Box::pin(async move {
            MySql::execute(tx, "CALL take()").await?;
            panic!("not in stock")
        })
    });
    let gid = Gid::random();
    for _ in 0..2 {
        assert_eq!(service.call(&gid, 1).await, Reply::Retry);
    }
    assert_eq!(bank.balance(ACCOUNT).await, -1, "it is not repeated");
    assert_eq!(bank.barrier_rows(&gid).await[0].4, "incomplete");
}

#[tokio::test]
async fn f01_a_branch_that_commits_by_itself_and_whose_caller_has_gone_is_not_reported_as_applied() {
    let Some(bank) = bank(TAKE).await else { return };
    let reached = Arc::new(Notify::new());
    let service = {
        let reached = Arc::clone(&reached);
        Service::new(&bank, move |tx, _| {
            let reached = Arc::clone(&reached);
            Box::pin(async move {
                MySql::execute(tx, "CALL take()").await?;
                reached.notify_one();
                std::future::pending().await
            })
        })
    };
    let gid = Gid::random();
    tokio::select! {
        reply = service.call(&gid, 1) => panic!("{reply:?}"),
        () = reached.notified() => {}
    }
    // The mark is made in the background.
    let marked = async {
        while bank.barrier_rows(&gid).await[0].4 != "incomplete" {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), marked).await.expect("it is marked");
    assert_eq!(service.call(&gid, 1).await, Reply::Retry);
    assert_eq!(bank.balance(ACCOUNT).await, -1, "it is not repeated");
}

/// Each of these commits the work before it, and the guard does not see that.
const COMMITTING: [&str; 9] = [
    "EXECUTE IMMEDIATE 'COMMIT'",
    "EXECUTE IMMEDIATE 'ALTER TABLE user_account COMMENT = \"x\"'",
    "EXECUTE IMMEDIATE 'CREATE OR REPLACE TABLE other (a INT)'",
    "EXECUTE IMMEDIATE 'TRUNCATE TABLE nothing_in_it'",
    "EXECUTE IMMEDIATE 'LOCK TABLES user_account WRITE'",
    "EXECUTE IMMEDIATE 'SET autocommit = 1'",
    "EXECUTE IMMEDIATE 'ANALYZE TABLE user_account'",
    "EXECUTE IMMEDIATE 'START TRANSACTION'",
    "CALL commits()",
];

#[tokio::test]
async fn f01_whatever_statement_commits_by_itself_is_noticed_and_its_locks_go() {
    let Some(bank) = Bank::<MySql>::open().await else { return };
    for sql in ["CREATE TABLE nothing_in_it (a INT)", "CREATE PROCEDURE commits() EXECUTE IMMEDIATE 'COMMIT'"] {
        MySql::execute_outside(bank.pool(), sql).await.unwrap();
    }
    for (n, statement) in (1..).zip(COMMITTING) {
        let service = Service::new(&bank, move |tx, _| {
            Box::pin(async move {
                MySql::credit(tx, ACCOUNT, -1).await?;
                MySql::execute(tx, statement).await?;
                None.or_refuse("not in stock")
            })
        });
        let gid = Gid::random();
        for _ in 0..2 {
            assert_eq!(service.call(&gid, 1).await, Reply::Retry, "{statement}");
        }
        assert_eq!(bank.barrier_rows(&gid).await[0].4, "incomplete", "{statement}");
        // It did not run again, and no table lock is left: this statement would wait for one.
        let applied = Service::new(&bank, |tx, _| Box::pin(async { Ok(MySql::credit(tx, OTHER_ACCOUNT, 1).await?) }));
        assert_eq!(applied.call(&Gid::random(), 1).await, Reply::Success, "{statement}");
        assert_eq!((bank.balance(ACCOUNT).await, bank.balance(OTHER_ACCOUNT).await), (-n, n), "{statement}");
    }
}

#[tokio::test]
async fn f01_a_statement_that_cannot_stand_in_a_transaction_is_an_error_and_leaves_nothing() {
    let Some(bank) = Bank::<MySql>::open().await else { return };
    for statement in ["EXECUTE IMMEDIATE 'XA START \"a\"'", "EXECUTE IMMEDIATE 'SET TRANSACTION READ ONLY'"] {
        let service = Service::new(&bank, move |tx, _| {
            Box::pin(async move {
                MySql::credit(tx, ACCOUNT, -1).await?;
                let _ = MySql::execute(tx, statement).await;
                Ok(())
            })
        });
        let gid = Gid::random();
        assert_eq!(service.call(&gid, 1).await, Reply::Retry, "{statement}");
        assert_eq!((bank.balance(ACCOUNT).await, bank.barrier_rows(&gid).await.len()), (0, 0), "{statement}");
    }
}
