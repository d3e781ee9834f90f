//! A network between the relay and its database that has gone silent.

use std::time::Duration;

use branchwire::protocol::Status;
use branchwire::simulation::OutboxState;
use branchwire::{Done, Gid, Outbox};
use branchwire_tests::bank::{Bank, BankDriver};
use branchwire_tests::proxy::{Loss, Proxy};
use sqlx::pool::PoolOptions;

use super::Shop;

/// Nobody else gives up in its place.
async fn a_relay_whose_question_is_never_answered_asks_again<DB: BankDriver>(bank: Bank<DB>) {
    let shop = Shop::on(bank).await;
    let proxy = Proxy::before(shop.bank.url()).await;
    // Without a test of each connection it is the relay's own question that is lost.
    let pool = PoolOptions::new().max_connections(2).test_before_acquire(false).connect(proxy.url()).await.unwrap();
    let relay = Outbox::start(&shop.bank.through(pool), &shop.client).await.unwrap();
    // The row of a stopped outbox is not marked: it waits for another one.
    let sender = shop.outbox().await;
    sender.stop().await;
    let gid = Gid::random();
    assert!(matches!(shop.order(&sender, &gid, 30).await, Ok(Done::Submitted { .. })));
    assert_eq!(shop.coordinator.wait(&gid).await, Status::Succeed);

    proxy.lose_next(Loss::InSilence);
    // Its next look.
    pass(Duration::from_secs(6)).await;
    while !proxy.has_lost() {
        tokio::task::yield_now().await;
    }
    shop.age(&gid, Duration::from_mins(1)).await;
    pass(Duration::from_secs(70)).await;
    let sent = async { while shop.row(&gid).await.unwrap().state != OutboxState::Sent {} };
    tokio::time::timeout(Duration::from_mins(1), sent).await.expect("it asks again");
    relay.stop().await;
    assert_eq!(shop.balances().await, (-30, 30));
    shop.coordinator.stop().await;
}

/// Lets so much time pass at once.
async fn pass(time: Duration) {
    tokio::time::pause();
    tokio::time::advance(time).await;
    tokio::time::resume();
}

crate::each::on_each_server! { a_relay_whose_question_is_never_answered_asks_again }
