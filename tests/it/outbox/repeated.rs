//! A gid that is used again: each call returns the true outcome of the first one, in each state of its row.

use branchwire::protocol::Status;
use branchwire::simulation::{OutboxDb, OutboxRow, OutboxState};
use branchwire::{Done, Gid, NotDone};
use branchwire_tests::bank::{Bank, BankDriver};
use tokio::sync::oneshot;

use super::Shop;
use crate::each::on_each_database;

on_each_database! {
    a_repetition_gets_the_true_outcome_in_each_state,
    a_repetition_waits_for_the_running_call,
}

async fn a_repetition_gets_the_true_outcome_in_each_state<DB: BankDriver>(bank: Bank<DB>) {
    let shop = Shop::on(bank).await;
    let outbox = shop.outbox().await;
    let gid = Gid::random();

    // The row waits, and the coordinator is down.
    shop.coordinator.down(true);
    assert!(matches!(shop.order(&outbox, &gid, 30).await, Ok(Done::Committed { .. })));
    let again = shop.order(&outbox, &gid, 30).await;
    assert!(matches!(again, Ok(Done::Repeated { finished: false, .. })), "{again:?}");
    let other = shop.order(&outbox, &gid, 31).await;
    assert!(matches!(other, Err(NotDone::OtherMessage { .. })), "{other:?}");

    // The message was sent, and has ended.
    shop.coordinator.down(false);
    assert_eq!(shop.coordinator.wait(&gid).await, Status::Succeed);
    outbox.stop().await;
    assert_eq!(shop.row(&gid).await.unwrap().state, OutboxState::Sent);
    let again = shop.order(&outbox, &gid, 30).await;
    assert!(matches!(again, Ok(Done::Repeated { finished: true, .. })), "{again:?}");
    let other = shop.order(&outbox, &gid, 31).await;
    assert!(matches!(other, Err(NotDone::OtherMessage { .. })), "{other:?}");
    // The row decides, even while the coordinator is down.
    shop.coordinator.down(true);
    let again = shop.order(&outbox, &gid, 30).await;
    assert!(matches!(again, Ok(Done::Repeated { finished: false, .. })), "{again:?}");

    // The row is put aside.
    let aside = Gid::random();
    assert!(matches!(shop.order(&outbox, &aside, 30).await, Ok(Done::Committed { .. })));
    shop.bank.set_aside(aside.as_str(), "for the test").await.unwrap();
    let again = shop.order(&outbox, &aside, 30).await;
    assert!(matches!(again, Ok(Done::Stopped { value: None, .. })), "{again:?}");

    // Its sender did not know whether it had committed, and then found that it had not.
    let given_up = Gid::random();
    let row = OutboxRow { gid: given_up.as_str(), state: OutboxState::RolledBack, body: "", owner: "", due_in_ms: 0 };
    let (tx, is_new) = shop.bank.begin_with_message(branchwire::simulation::Wait::Bounded, row).await.unwrap();
    assert!(is_new);
    tx.commit().await.unwrap();
    let again = shop.order(&outbox, &given_up, 30).await;
    assert!(matches!(again, Err(NotDone::GivenUp { .. })), "{again:?}");

    assert_eq!(shop.balances().await, (-60, 30));
    shop.coordinator.stop().await;
}

async fn a_repetition_waits_for_the_running_call<DB: BankDriver>(bank: Bank<DB>) {
    let shop = Shop::on(bank).await;
    let outbox = shop.outbox().await;
    for commits in [true, false] {
        let gid = Gid::random();
        let ((begun, begins), (end, ends)) = (oneshot::channel(), oneshot::channel::<()>());
        let first = shop.order_when(&outbox, &gid, 30, async move || {
            begun.send(()).unwrap();
            ends.await.unwrap();
            commits
        });
        let second = async {
            begins.await.unwrap();
            let release = async { end.send(()).unwrap() };
            tokio::join!(shop.order(&outbox, &gid, 30), release).0
        };
        let (first, second) = tokio::join!(first, second);
        if commits {
            assert!(matches!(first, Ok(Done::Submitted { .. })), "{first:?}");
            assert!(matches!(second, Ok(Done::Repeated { .. })), "{second:?}");
        } else {
            // The first call has left nothing, so the second one is new.
            assert!(matches!(first, Err(NotDone::RolledBack(_))), "{first:?}");
            assert!(matches!(second, Ok(Done::Submitted { .. })), "{second:?}");
        }
    }
    outbox.stop().await;
    shop.coordinator.stop().await;
}
