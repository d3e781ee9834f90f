//! A network that has gone silent: what was sent is never answered, and nobody is told.

use std::time::Duration;

use branchwire::Tx;
use branchwire_tests::bank::{ACCOUNT, Bank, BankDriver};
use branchwire_tests::proxy::{Loss, Proxy};

/// sqlx asks the server once more when a connection comes back.
async fn a_connection_that_comes_back_in_silence_leaves_its_place_in_the_pool<DB: BankDriver>(bank: Bank<DB>) {
    let proxy = Proxy::before(bank.url()).await;
    let bank = bank.through(DB::pool(proxy.url(), 1).await);
    let mut tx = Tx::begin(&bank).await.unwrap();
    DB::credit(&mut tx, ACCOUNT, 30).await.unwrap();
    tx.commit().await.unwrap();
    // This test has the only thread: the connection's way back has not begun.
    proxy.lose_next(Loss::InSilence);
    while !proxy.has_lost() {
        tokio::task::yield_now().await;
    }
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(6)).await;
    tokio::time::resume();
    let tx = Tx::begin(&bank).await.expect("another connection");
    tx.rollback().await.unwrap();
    assert_eq!(bank.balance(ACCOUNT).await, 30);
}

crate::each::on_each_server! { a_connection_that_comes_back_in_silence_leaves_its_place_in_the_pool }
