//! A failed call leaves nothing behind: no half of its work, no barrier row, no open transaction.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use branchwire::protocol::Gid;
use branchwire::{BranchError, CommitError, Fault, OrRefuse, Reply, Tx};
use branchwire_tests::bank::{ACCOUNT, Bank, BankDriver};
use branchwire_tests::service::Service;
use tokio::sync::Notify;

crate::each::on_each_database! {
    an_error_that_the_business_ignores_never_commits,
    a_transaction_of_ones_own_says_that_it_has_failed,
    an_error_behind_what_the_business_read_never_commits,
    after_an_error_nothing_more_runs,
    several_statements_read_to_their_end_commit,
    transaction_control_and_ddl_are_errors,
    an_error_of_the_business_rolls_back,
    a_refusal_rolls_back,
    a_panic_rolls_back,
    a_dropped_call_rolls_back,
    a_failed_statement_is_not_tried_again,
}

/// A statement that fails, and that SQLite and MySQL then forget: it breaks the key of the accounts.
const FAILS: &str = "INSERT INTO user_account VALUES (1, 0)";

/// Calls a branch that credits the account and then fails; nothing of it must stay.
async fn call_in_vain<DB: BankDriver>(bank: &Bank<DB>, service: Service, expected: Reply) {
    let gid = Gid::random();
    assert_eq!(service.call(&gid, 30).await, expected);
    assert_eq!(bank.balance(ACCOUNT).await, 0);
    assert_eq!(bank.barrier_rows(&gid).await, []);
}

async fn an_error_that_the_business_ignores_never_commits<DB: BankDriver>(bank: Bank<DB>) {
    for sql in [FAILS, "INSERT INTO no_such_table VALUES (1)", "no SQL at all", "SELECT 1; SELECT no_such_column"] {
        let service = Service::new(&bank, move |tx, amount| {
            Box::pin(async move {
                DB::credit(tx, ACCOUNT, amount).await?;
                DB::execute(tx, sql).await.unwrap_err();
                Ok(())
            })
        });
        call_in_vain(&bank, service, Reply::Retry).await;
    }
}

async fn an_error_behind_what_the_business_read_never_commits<DB: BankDriver>(bank: Bank<DB>) {
    let service = Service::new(&bank, |tx, amount| {
        Box::pin(async move {
            DB::credit(tx, ACCOUNT, amount).await?;
            // Reads the first row and drops the rest.
            DB::execute_and_drop(
                tx,
                "SELECT 1; INSERT INTO user_account VALUES (3, 0); INSERT INTO user_account VALUES (1, 0)",
            )
            .await;
            Ok(())
        })
    });
    call_in_vain(&bank, service, Reply::Retry).await;
}

async fn after_an_error_nothing_more_runs<DB: BankDriver>(bank: Bank<DB>) {
    let service = Service::new(&bank, |tx, amount| {
        Box::pin(async move {
            DB::execute(tx, FAILS).await.unwrap_err();
            let error = DB::credit(tx, ACCOUNT, amount).await.unwrap_err();
            assert!(error.to_string().contains("an earlier statement of this transaction failed"), "{error}");
            Ok(())
        })
    });
    call_in_vain(&bank, service, Reply::Retry).await;
}

async fn several_statements_read_to_their_end_commit<DB: BankDriver>(bank: Bank<DB>) {
    let mut tx = Tx::begin(&bank).await.unwrap();
    let sql = "UPDATE user_account SET balance = balance + 1; UPDATE user_account SET balance = balance * 2";
    DB::execute(&mut tx, sql).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(bank.balance(ACCOUNT).await, 2);
}

async fn a_transaction_of_ones_own_says_that_it_has_failed<DB: BankDriver>(bank: Bank<DB>) {
    let mut tx = Tx::begin(&bank).await.unwrap();
    DB::credit(&mut tx, ACCOUNT, 30).await.unwrap();
    assert_eq!(tx.fault(), None);
    DB::execute(&mut tx, FAILS).await.unwrap_err();
    assert_eq!(tx.fault(), Some(Fault::Statement));
    let refused = tx.commit().await;
    assert!(matches!(&refused, Err(CommitError::Failed(first)) if first.fault() == Fault::Statement), "{refused:?}");
    assert_eq!(bank.balance(ACCOUNT).await, 0);
}

async fn transaction_control_and_ddl_are_errors<DB: BankDriver>(bank: Bank<DB>) {
    for sql in ["COMMIT", "ROLLBACK", "BEGIN", "SELECT 1; COMMIT", "CREATE TABLE t (a INTEGER)", "/* a */ DROP TABLE t"]
    {
        let service = Service::new(&bank, move |tx, amount| {
            Box::pin(async move {
                DB::credit(tx, ACCOUNT, amount).await?;
                let error = DB::execute(tx, sql).await.unwrap_err();
                assert!(matches!(error, sqlx::Error::Configuration(_)), "{sql}: {error}");
                Ok(())
            })
        });
        call_in_vain(&bank, service, Reply::Retry).await;
    }
}

async fn an_error_of_the_business_rolls_back<DB: BankDriver>(bank: Bank<DB>) {
    let service = Service::new(&bank, |tx, amount| {
        Box::pin(async move {
            DB::credit(tx, ACCOUNT, amount).await?;
            "thirty".parse::<i64>()?;
            Ok(())
        })
    });
    call_in_vain(&bank, service, Reply::Retry).await;
}

async fn a_refusal_rolls_back<DB: BankDriver>(bank: Bank<DB>) {
    let service = Service::new(&bank, |tx, amount| {
        Box::pin(async move {
            DB::credit(tx, ACCOUNT, amount).await?;
            None.or_refuse("no such account")
        })
    });
    call_in_vain(&bank, service, Reply::Refused).await;
}

async fn a_panic_rolls_back<DB: BankDriver>(bank: Bank<DB>) {
    // One connection: the next call would notice a transaction that stays open in the pool.
    let bank = bank.another_pool(1).await;
    let panics = Arc::new(AtomicBool::new(true));
    let service = Service::new(&bank, move |tx, amount| {
        let panics = panics.clone();
        Box::pin(async move {
            DB::credit(tx, ACCOUNT, amount).await?;
            assert!(!panics.swap(false, Ordering::Relaxed), "a panic of the business");
            Ok(())
        })
    });
    let gid = Gid::random();
    assert_eq!(service.call(&gid, 30).await, Reply::Retry);
    assert_eq!(bank.balance(ACCOUNT).await, 0);
    assert_eq!(service.call(&gid, 30).await, Reply::Success);
    assert_eq!(bank.balance(ACCOUNT).await, 30);
}

async fn a_dropped_call_rolls_back<DB: BankDriver>(bank: Bank<DB>) {
    let bank = bank.another_pool(1).await;
    let (hangs, reached) = (Arc::new(AtomicBool::new(true)), Arc::new(Notify::new()));
    let service = {
        let reached = reached.clone();
        Service::new(&bank, move |tx, amount| {
            let (hangs, reached) = (hangs.clone(), reached.clone());
            Box::pin(async move {
                DB::credit(tx, ACCOUNT, amount).await?;
                if hangs.swap(false, Ordering::Relaxed) {
                    reached.notify_one();
                    std::future::pending::<()>().await;
                }
                Ok(())
            })
        })
    };
    let gid = Gid::random();
    tokio::select! {
        reply = service.call(&gid, 30) => panic!("{reply:?}"),
        () = reached.notified() => {}
    }
    assert_eq!(service.call(&gid, 30).await, Reply::Success);
    assert_eq!(bank.balance(ACCOUNT).await, 30);
}

async fn a_failed_statement_is_not_tried_again<DB: BankDriver>(bank: Bank<DB>) {
    let attempts = Arc::new(AtomicU32::new(0));
    let service = {
        let attempts = attempts.clone();
        Service::new(&bank, move |tx, _| {
            attempts.fetch_add(1, Ordering::Relaxed);
            Box::pin(async move { DB::execute(tx, FAILS).await.map_err(BranchError::from) })
        })
    };
    assert_eq!(service.call(&Gid::random(), 30).await, Reply::Retry);
    assert_eq!(attempts.load(Ordering::Relaxed), 1);
}
