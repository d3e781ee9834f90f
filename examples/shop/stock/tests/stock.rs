//! The stock alone: its function as it is, and its route under a coordinator that loses an answer.

use branchwire::MsgBranch;
use branchwire::auth::Keys;
use branchwire::prelude::*;
use branchwire::protocol::Status;
use branchwire_coordinator::testing::{Services, TestCoordinator, TestDatabase};
use shop_contracts::{Reserve, stock};
use shop_stock::Stock;

fn keys() -> Keys {
    "test:0123456789abcdef0123456789abcdef".parse().expect("a key")
}

fn two_lamps(order: &str) -> Reserve {
    Reserve { order: order.to_owned(), item: "lamp".to_owned(), pieces: 2 }
}

async fn pieces(db: &Stock) -> i32 {
    sqlx::query_scalar("SELECT pieces FROM shelf WHERE item = 'lamp'").fetch_one(&db.0).await.expect("a shelf")
}

/// A branch is a function: it can be called without any coordinator.
#[tokio::test]
async fn pieces_are_taken_off_the_shelf_and_an_unknown_item_waits() {
    let Some(server) = branchwire_tests::server::postgres().await else { return };
    let [database] = TestDatabase::postgres(server.url().as_str()).await;
    let db = shop_stock::open(database.pool()).await.unwrap();

    let mut tx = Tx::begin(&db).await.unwrap();
    shop_stock::stock::reserve(&mut tx, two_lamps("1")).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(pieces(&db).await, 98);

    let mut tx = Tx::begin(&db).await.unwrap();
    let unknown = Reserve { item: "sofa".to_owned(), ..two_lamps("2") };
    let retry = shop_stock::stock::reserve(&mut tx, unknown).await.unwrap_err();
    assert_eq!(retry.to_string(), "no item `sofa`");
}

/// The stock has reserved, and its answer is lost: the coordinator calls again, and nothing is reserved twice.
#[tokio::test]
async fn a_lost_answer_does_not_reserve_twice() {
    let Some(server) = branchwire_tests::server::postgres().await else { return };
    let [database] = TestDatabase::postgres(server.url().as_str()).await;
    let db = shop_stock::open(database.pool()).await.unwrap();
    let services = Services::default();
    services.host("http://stock", shop_stock::app(db.clone(), keys()));
    let coordinator = TestCoordinator::start_with(services.clone(), |builder| builder.sign_calls(keys())).await;
    let client: Client = coordinator.client();

    services.lose_answers("http://stock", true);
    let reserve: MsgBranch = stock::at("http://stock").unwrap().reserve(&two_lamps("1"));
    let done = client.msg(reserve).wait_result().submit().await.unwrap();
    assert!(matches!(done, Done::Submitted { finished: false, .. }), "{done:?}");
    assert_eq!(pieces(&db).await, 98, "it has reserved");

    services.lose_answers("http://stock", false);
    coordinator.ask_now(done.gid()).await;
    assert_eq!(coordinator.wait(done.gid()).await, Status::Succeed);
    assert_eq!(pieces(&db).await, 98, "and not once more");
    coordinator.stop().await;
}

/// A caller without a key reserves nothing; the OpenAPI description needs no key.
#[tokio::test]
async fn only_signed_calls_reserve() {
    let Some(server) = branchwire_tests::server::postgres().await else { return };
    let [database] = TestDatabase::postgres(server.url().as_str()).await;
    let db = shop_stock::open(database.pool()).await.unwrap();
    let services = Services::default();
    services.host("http://stock", shop_stock::app(db.clone(), keys()));
    let coordinator = TestCoordinator::start(services).await;
    let client: Client = coordinator.client();
    let reserve = stock::at("http://stock").unwrap().reserve(&two_lamps("1"));
    let done = client.msg(reserve).wait_result().submit().await.unwrap();
    assert!(matches!(done, Done::Submitted { finished: false, .. }), "{done:?}");
    assert_eq!(pieces(&db).await, 100);
    coordinator.stop().await;
    let document = serde_json::to_value(shop_stock::stock::openapi()).unwrap();
    assert_eq!(document["paths"]["/api/stock/reserve"]["post"]["operationId"], "stock.reserve");
}
