//! Transient errors: conflicts and lost connections, after which the whole transaction is retried.
//!
//! SQLite has one writer, and no connection to lose: these cases are for PostgreSQL and MySQL.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use branchwire::protocol::Gid;
use branchwire::simulation::{self, BarrierKey};
use branchwire::{Database, Fault, OrRefuse, Reply, Tx};
use branchwire_tests::bank::{ACCOUNT, Bank, BankDriver, OTHER_ACCOUNT};
use branchwire_tests::service::Service;
use tokio::sync::{Barrier, Notify};

/// How long to wait before looking again for waiting locks. InnoDB refreshes these data at most ten times a second, and
/// only if the last query was at least that long ago.
pub(super) const LOOK_AGAIN: Duration = Duration::from_millis(150);

/// A branch in which `sql` fails at its first attempts is applied once if it succeeds at last, and not at all
/// otherwise.
pub(super) async fn is_tried_three_times<DB: BankDriver>(bank: &Bank<DB>, sql: &'static str) {
    for (failures, expected) in [(2, Reply::Success), (u32::MAX, Reply::Retry)] {
        let before = bank.balance(ACCOUNT).await;
        let (attempts, gid) = (Arc::new(AtomicU32::new(0)), Gid::random());
        let service = {
            let attempts = attempts.clone();
            Service::new(bank, move |tx, amount| {
                let attempt = attempts.fetch_add(1, Ordering::Relaxed);
                Box::pin(async move {
                    DB::credit(tx, ACCOUNT, amount).await?;
                    if attempt < failures {
                        // The business may ignore the error.
                        DB::execute(tx, sql).await.or_refuse("no")?;
                    }
                    Ok(())
                })
            })
        };
        assert_eq!(service.call(&gid, 30).await, expected, "{sql}");
        assert_eq!(attempts.load(Ordering::Relaxed), 3, "{sql}");
        let applied = i64::from(expected == Reply::Success);
        assert_eq!(bank.balance(ACCOUNT).await - before, 30 * applied, "{sql}");
        assert_eq!(bank.barrier_rows(&gid).await.len(), usize::try_from(applied).unwrap(), "{sql}");
    }
}

/// Two branches that lock two accounts in opposite order both apply, though the database ends one of them first.
pub(super) async fn a_deadlock_passes<DB: BankDriver>(bank: &Bank<DB>) {
    let (attempts, both_hold_one) = (Arc::new(AtomicU32::new(0)), Arc::new(Barrier::new(2)));
    let one_is_through = Arc::new(Notify::new());
    let service = {
        let (attempts, one_is_through) = (attempts.clone(), one_is_through.clone());
        Service::new(bank, move |tx, amount| {
            let attempt = attempts.fetch_add(1, Ordering::Relaxed);
            let (both_hold_one, one_is_through) = (both_hold_one.clone(), one_is_through.clone());
            Box::pin(async move {
                if attempt == 2 {
                    // Otherwise its retry could overtake the other one, and they would deadlock again.
                    one_is_through.notified().await;
                }
                let order = if amount == 1 { [ACCOUNT, OTHER_ACCOUNT] } else { [OTHER_ACCOUNT, ACCOUNT] };
                DB::credit(tx, order[0], amount).await?;
                if attempt < 2 {
                    both_hold_one.wait().await;
                }
                DB::credit(tx, order[1], amount).await?;
                Ok(())
            })
        })
    };
    let call = async |amount| {
        let reply = service.call(&Gid::random(), amount).await;
        one_is_through.notify_one();
        reply
    };
    let replies = tokio::join!(call(1), call(2));
    assert_eq!(replies, (Reply::Success, Reply::Success));
    assert_eq!(attempts.load(Ordering::Relaxed), 3);
    assert_eq!((bank.balance(ACCOUNT).await, bank.balance(OTHER_ACCOUNT).await), (3, 3));
}

/// How a transaction classifies the errors that `statements` raise.
pub(super) async fn errors_mean<DB: BankDriver>(bank: &Bank<DB>, statements: &[&'static str], fault: Fault) {
    for sql in statements {
        let mut tx = Tx::begin(bank).await.unwrap();
        let error = DB::execute(&mut tx, sql).await.unwrap_err();
        assert_eq!(tx.fault(), Some(fault), "{sql}: {error}");
    }
}

/// Query-prepared, whose connection is killed while it waits for an open local transaction, does not say that it
/// failed.
///
/// `kill` kills the connections that wait for a lock, and returns an error as long as there are none.
pub(super) async fn a_lost_question_is_unknown<DB: BankDriver>(bank: &Bank<DB>, kill: &str) {
    let (service, gid) = (Service::new(bank, |_, _| Box::pin(async { Ok(()) })), Gid::random());
    let (tx, _) = simulation::enter(bank, &BarrierKey::local(gid.clone())).await.unwrap();

    let killed = async {
        while DB::execute_outside(bank.pool(), kill).await.is_err() {
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    };
    let (reply, ()) = tokio::join!(service.query_prepared(&gid), killed);
    assert_eq!(reply, Reply::Retry);
    tx.commit().await.unwrap();
    assert_eq!(service.query_prepared(&gid).await, Reply::Success);
}
