//! An outbox behind a pgbouncer in transaction mode, where each transaction may have another session.

use branchwire::protocol::Status;
use branchwire::simulation::OutboxState;
use branchwire::{Done, Gid, Outbox, Tx};
use branchwire_tests::bank::{ACCOUNT, Bank};
use branchwire_tests::server;
use futures_util::future::join_all;
use sqlx::Postgres;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};

use super::Shop;

type PooledOutbox = Outbox<Bank<Postgres>>;

async fn order(
    shop: &Shop<Postgres>,
    outbox: &PooledOutbox,
    gid: &Gid,
) -> Result<Done<()>, branchwire::NotDone<sqlx::Error>> {
    let message = shop.client.msg(Shop::<Postgres>::branch(1)).gid(gid.clone());
    let pay = async |tx: &mut Tx<Bank<Postgres>>| {
        let take = sqlx::query("UPDATE user_account SET balance = balance - 1 WHERE user_id = $1").bind(ACCOUNT);
        take.persistent(false).execute(&mut *tx).await.map(drop)
    };
    message.send_with(outbox, pay).await
}

#[tokio::test]
async fn senders_and_relay_work_behind_a_pooler() {
    let Some(postgres) = server::postgres().await else { return };
    let Some(pooler) = server::pgbouncer(postgres, "transaction", "extra_float_digits").await else { return };
    let Some(bank) = Bank::<Postgres>::open().await else { return };
    let shop = Shop::on(bank).await;
    let options: PgConnectOptions = shop.bank.url().parse().unwrap();
    let options = options.port(pooler.url().port().unwrap()).statement_cache_capacity(0);
    let pool = PgPoolOptions::new().max_connections(8).connect_with(options).await.unwrap();
    let outbox = Outbox::start(&shop.bank.through(pool), &shop.client).await.unwrap();

    // Each order twice, all at once: the pooler has fewer sessions than there are callers.
    let gids: Vec<_> = (0..20).map(|_| Gid::random()).collect();
    let told = join_all(gids.iter().chain(&gids).map(|gid| order(&shop, &outbox, gid))).await;
    let is_new = |told: &&Result<_, _>| matches!(told, Ok(Done::Submitted { .. } | Done::Committed { .. }));
    assert_eq!(told.iter().filter(is_new).count(), 20, "{told:?}");
    assert!(told.iter().all(|told| is_new(&told) || matches!(told, Ok(Done::Repeated { .. }))), "{told:?}");

    shop.coordinator.down(true);
    let waiting: Vec<_> = (0..20).map(|_| Gid::random()).collect();
    for told in join_all(waiting.iter().map(|gid| order(&shop, &outbox, gid))).await {
        assert!(matches!(told, Ok(Done::Committed { .. })), "{told:?}");
    }
    assert_eq!(outbox.status().await.unwrap().stuck, 0);
    shop.coordinator.down(false);
    for gid in gids.iter().chain(&waiting) {
        assert_eq!(shop.coordinator.wait(gid).await, Status::Succeed);
    }
    outbox.stop().await;
    for gid in gids.iter().chain(&waiting) {
        assert_eq!(shop.row(gid).await.unwrap().state, OutboxState::Sent);
    }
    assert_eq!(shop.balances().await, (-40, 40));
    shop.coordinator.stop().await;
}
