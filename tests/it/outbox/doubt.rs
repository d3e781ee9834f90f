//! A COMMIT without an answer: the sender is told what is true, and the relay sends if, and only if, it has committed.

use std::time::Duration;

use branchwire::protocol::Status;
use branchwire::simulation::OutboxState;
use branchwire::{Done, Gid, NotDone, Outbox};
use branchwire_tests::bank::{Bank, BankDriver};
use branchwire_tests::proxy::{Loss, Proxy};

use super::Shop;

/// A shop whose senders reach their database through a proxy.
struct Doubtful<DB: BankDriver> {
    shop: Shop<DB>,
    proxy: Proxy,
    sender: Outbox<Bank<DB>>,
}

impl<DB: BankDriver> Doubtful<DB> {
    async fn on(bank: Bank<DB>) -> Self {
        let shop = Shop::on(bank).await;
        let proxy = Proxy::before(shop.bank.url()).await;
        let bank = shop.bank.through(DB::pool(proxy.url(), 5).await);
        let sender = Outbox::start(&bank, &shop.client).await.unwrap();
        // Without its tasks nothing but the COMMIT can be what the proxy loses.
        sender.stop().await;
        Self { shop, proxy, sender }
    }

    /// Orders, and loses the COMMIT.
    async fn order(&self, gid: &Gid, loss: Loss) -> Result<Done<()>, NotDone<String>> {
        let business = async || {
            self.proxy.lose_next(loss);
            true
        };
        let told = self.shop.order_when(&self.sender, gid, 30, business).await;
        assert!(self.proxy.has_lost());
        told
    }

    /// Another process looks once at what waits.
    async fn look(&self) {
        self.shop.outbox().await.stop().await;
    }

    async fn arrives(self, gid: &Gid) {
        self.shop.age(gid, Duration::from_mins(1)).await;
        let relay = self.shop.outbox().await;
        assert_eq!(self.shop.coordinator.wait(gid).await, Status::Succeed);
        relay.stop().await;
        assert_eq!(self.shop.balances().await, (-30, 30));
        assert_eq!(self.shop.row(gid).await.unwrap().state, OutboxState::Sent);
        self.shop.coordinator.stop().await;
    }
}

async fn a_commit_that_never_arrived_is_no_message<DB: BankDriver>(bank: Bank<DB>) {
    let doubtful = Doubtful::on(bank).await;
    let gid = Gid::random();
    let told = doubtful.order(&gid, Loss::OfTheRequest).await;
    // Unknown: the server has not noticed yet that the connection is gone.
    assert!(matches!(told, Err(NotDone::NotCommitted(_)) | Ok(Done::Unknown { .. })), "{told:?}");
    doubtful.look().await;
    let Doubtful { shop, .. } = doubtful;
    assert_eq!((shop.balances().await, shop.coordinator.submits()), ((0, 0), 0));
    if told.is_err() {
        // Nothing can commit under it any more: its row says so.
        let outbox = shop.outbox().await;
        let again = shop.order(&outbox, &gid, 30).await;
        assert!(matches!(again, Err(NotDone::GivenUp { .. })), "{again:?}");
        outbox.stop().await;
    }
    shop.coordinator.stop().await;
}

async fn a_commit_whose_answer_was_lost_is_sent<DB: BankDriver>(bank: Bank<DB>) {
    let doubtful = Doubtful::on(bank).await;
    let gid = Gid::random();
    let told = doubtful.order(&gid, Loss::OfTheAnswer).await;
    // Unknown: the server was still at work on it.
    assert!(matches!(told, Ok(Done::Submitted { .. } | Done::Unknown { .. })), "{told:?}");
    doubtful.arrives(&gid).await;
}

/// While the transaction is open nobody sends its row, and nobody says how it ends.
async fn a_commit_that_arrives_late_is_sent_once_it_has_arrived<DB: BankDriver>(bank: Bank<DB>) {
    let doubtful = Doubtful::on(bank).await;
    let gid = Gid::random();
    let told = doubtful.order(&gid, Loss::UntilDelivered).await;
    assert!(matches!(told, Ok(Done::Unknown { .. })), "{told:?}");
    doubtful.look().await;
    assert_eq!((doubtful.shop.balances().await, doubtful.shop.coordinator.submits()), ((0, 0), 0));
    doubtful.proxy.deliver().await;
    doubtful.arrives(&gid).await;
}

crate::each::on_each_server! {
    a_commit_that_never_arrived_is_no_message,
    a_commit_whose_answer_was_lost_is_sent,
    a_commit_that_arrives_late_is_sent_once_it_has_arrived,
}
