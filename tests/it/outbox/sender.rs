//! The sender's side: one row, one submit.

use branchwire::barrier::{SWEEP_AGE_MIN, sweep};
use branchwire::outbox::SagaSent;
use branchwire::protocol::Status;
use branchwire::simulation::OutboxState;
use branchwire::{Done, Gid, NotDone, SagaStep, Tx};
use branchwire_tests::bank::{ACCOUNT, Bank, BankDriver};

use super::Shop;
use crate::each::on_each_database;

on_each_database! {
    a_message_is_submitted_once_and_its_row_is_emptied,
    a_business_that_refuses_leaves_nothing_and_its_gid_is_free,
    while_the_coordinator_is_away_the_business_goes_on,
    a_swept_row_is_one_that_was_sent_long_ago,
    a_saga_begins_if_its_local_transaction_commits,
}

async fn a_message_is_submitted_once_and_its_row_is_emptied<DB: BankDriver>(bank: Bank<DB>) {
    let shop = Shop::on(bank).await;
    let outbox = shop.outbox().await;
    let gid = Gid::random();
    let done = shop.order(&outbox, &gid, 30).await;
    assert!(matches!(done, Ok(Done::Submitted { .. })), "{done:?}");
    assert_eq!(shop.coordinator.wait(&gid).await, Status::Succeed);
    outbox.stop().await;
    assert_eq!(shop.balances().await, (-30, 30));
    assert_eq!(shop.coordinator.submits(), 1);
    let row = shop.row(&gid).await.unwrap();
    assert_eq!((row.state, row.body.as_str()), (OutboxState::Sent, ""));
    // The outbox row replaces the barrier row.
    assert!(shop.bank.barrier_rows(&gid).await.iter().all(|row| row.1 == "01"));
    shop.coordinator.stop().await;
}

async fn a_business_that_refuses_leaves_nothing_and_its_gid_is_free<DB: BankDriver>(bank: Bank<DB>) {
    let shop = Shop::on(bank).await;
    let outbox = shop.outbox().await;
    let gid = Gid::random();
    let refused = shop.order_when(&outbox, &gid, 30, async || false).await;
    assert!(matches!(refused, Err(NotDone::RolledBack(_))), "{refused:?}");
    assert_eq!(shop.row(&gid).await, None);
    assert_eq!((shop.balances().await, shop.coordinator.submits()), ((0, 0), 0));

    let done = shop.order(&outbox, &gid, 30).await;
    assert!(matches!(done, Ok(Done::Submitted { .. })), "{done:?}");
    assert_eq!(shop.coordinator.wait(&gid).await, Status::Succeed);
    assert_eq!(shop.balances().await, (-30, 30));
    outbox.stop().await;
    shop.coordinator.stop().await;
}

async fn while_the_coordinator_is_away_the_business_goes_on<DB: BankDriver>(bank: Bank<DB>) {
    let shop = Shop::on(bank).await;
    let outbox = shop.outbox().await;
    shop.coordinator.down(true);
    let gids: Vec<Gid> = (0..5).map(|_| Gid::random()).collect();
    for gid in &gids {
        let done = shop.order(&outbox, gid, 30).await;
        assert!(matches!(done, Ok(Done::Committed { .. })), "{done:?}");
    }
    assert_eq!(shop.balances().await, (-150, 0));
    let status = outbox.status().await.unwrap();
    assert_eq!((status.waiting, status.stuck), (5, 0));
    assert!(status.to_string().contains("\nbranchwire_outbox_waiting 5\n"), "{status}");

    shop.coordinator.down(false);
    for gid in &gids {
        assert_eq!(shop.coordinator.wait(gid).await, Status::Succeed);
    }
    outbox.stop().await;
    assert_eq!(shop.balances().await, (-150, 150));
    assert_eq!(outbox.status().await.unwrap().waiting, 0);
    shop.coordinator.stop().await;
}

async fn a_swept_row_is_one_that_was_sent_long_ago<DB: BankDriver>(bank: Bank<DB>) {
    let shop = Shop::on(bank).await;
    let outbox = shop.outbox().await;
    let (old, young, waiting) = (Gid::random(), Gid::random(), Gid::random());
    for gid in [&old, &young] {
        let _ = shop.order(&outbox, gid, 30).await.unwrap();
        shop.coordinator.wait(gid).await;
    }
    shop.coordinator.down(true);
    let _ = shop.order(&outbox, &waiting, 30).await.unwrap();
    outbox.stop().await;
    for gid in [&old, &waiting] {
        shop.age(gid, SWEEP_AGE_MIN * 2).await;
    }
    sweep(&shop.bank, SWEEP_AGE_MIN).await.unwrap();
    assert_eq!(shop.row(&old).await, None);
    assert_eq!(shop.row(&young).await.unwrap().state, OutboxState::Sent);
    assert_eq!(shop.row(&waiting).await.unwrap().state, OutboxState::Waiting);
    shop.coordinator.stop().await;
}

async fn a_saga_begins_if_its_local_transaction_commits<DB: BankDriver>(bank: Bank<DB>) {
    let shop = Shop::on(bank).await;
    let outbox = shop.outbox().await;
    let step = || SagaStep::url("http://bank-b/none", None, &30).unwrap();
    let debit = async |tx: &mut Tx<Bank<DB>>| DB::credit(tx, ACCOUNT, -30).await;
    let refuse = async |_: &mut Tx<Bank<DB>>| Err::<(), _>("no".to_owned());

    let refused = shop.client.saga(step()).send_with(&outbox, refuse).await;
    assert!(matches!(refused, Err(NotDone::RolledBack(_))), "{refused:?}");
    let gid = Gid::random();
    let sent = shop.client.saga(step()).gid(gid.clone()).send_with(&outbox, debit).await.unwrap();
    assert_eq!(sent, SagaSent::Submitted { gid: gid.clone(), value: () });
    let again = shop.client.saga(step()).gid(gid.clone()).send_with(&outbox, debit).await.unwrap();
    assert_eq!(again, SagaSent::Repeated { gid: gid.clone() });
    assert!(shop.coordinator.status(&gid).await.is_some());
    assert_eq!(shop.balances().await, (-30, 0));
    outbox.stop().await;
    shop.coordinator.stop().await;
}
