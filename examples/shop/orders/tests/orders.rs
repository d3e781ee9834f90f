//! Orders and stock in one process, on two databases, signed.

use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode};
use branchwire::auth::{self, Keys};
use branchwire::prelude::*;
use branchwire::protocol::Status;
use branchwire_coordinator::testing::{Services, TestCoordinator, TestDatabase};
use shop_orders::{Order, Orders, Refused, Shop, orders, place};
use shop_stock::Stock;
use sqlx::Postgres;
use tower::ServiceExt as _;

fn keys() -> Keys {
    "test:0123456789abcdef0123456789abcdef".parse().expect("a key")
}

fn order(number: &str, pieces: i32) -> Order {
    Order { number: number.to_owned(), item: "lamp".to_owned(), pieces }
}

/// The whole shop, in this process.
struct World {
    orders: Orders,
    stock: Stock,
    app: Router,
    services: Services,
    coordinator: TestCoordinator,
    _databases: [TestDatabase<Postgres>; 2],
}

impl World {
    async fn open() -> Option<Self> {
        // A server for this repository's tests. In yours: `TestDatabase::postgres(&std::env::var("TEST_POSTGRES_URL")?)`.
        let server = branchwire_tests::server::postgres().await?;
        let databases = TestDatabase::postgres(server.url().as_str()).await;
        let orders = shop_orders::open(databases[0].pool()).await.unwrap();
        let stock = shop_stock::open(databases[1].pool()).await.unwrap();
        let services = Services::default();
        let coordinator = TestCoordinator::start_with(services.clone(), |builder| builder.sign_calls(keys())).await;
        let shop = Shop {
            db: orders.clone(),
            client: coordinator.client(),
            own: orders::at("http://orders").unwrap(),
            stock: shop_contracts::stock::at("http://stock").unwrap(),
        };
        let app = shop_orders::app(shop, keys());
        services.host("http://orders", app.clone());
        services.host("http://stock", shop_stock::app(stock.clone(), keys()));
        Some(Self { orders, stock, app, services, coordinator, _databases: databases })
    }

    async fn post(&self, order: &Order) -> StatusCode {
        let body = Body::from(serde_json::to_vec(order).unwrap());
        let request = Request::post("/orders").header("content-type", "application/json").body(body).unwrap();
        self.app.clone().oneshot(request).await.unwrap().status()
    }

    async fn placed(&self) -> i64 {
        sqlx::query_scalar("SELECT count(*) FROM placed").fetch_one(&self.orders.0).await.unwrap()
    }

    async fn on_the_shelf(&self) -> i32 {
        sqlx::query_scalar("SELECT pieces FROM shelf").fetch_one(&self.stock.0).await.unwrap()
    }
}

/// The local part alone.
#[tokio::test]
async fn an_order_without_enough_money_is_refused() {
    let Some(world) = World::open().await else { return };
    let mut tx = Tx::begin(&world.orders).await.unwrap();
    assert!(matches!(place(&mut tx, &order("1", 51)).await, Err(Refused::NotEnoughMoney)));
    assert!(place(&mut tx, &order("1", 50)).await.is_ok());
}

#[tokio::test]
async fn an_order_is_placed_and_reserved_once_however_often_it_is_sent() {
    let Some(world) = World::open().await else { return };
    assert_eq!(world.post(&order("1", 3)).await, StatusCode::OK);
    assert_eq!(world.coordinator.wait(&Gid::new("order-1-1").unwrap()).await, Status::Succeed);
    assert_eq!(world.post(&order("1", 3)).await, StatusCode::OK);
    assert_eq!((world.placed().await, world.on_the_shelf().await), (1, 97));

    assert_eq!(world.post(&order("1", 4)).await, StatusCode::CONFLICT, "another order under this number");
    assert_eq!((world.placed().await, world.on_the_shelf().await), (1, 97));
    world.coordinator.stop().await;
}

#[tokio::test]
async fn an_order_that_was_refused_is_placed_once_there_is_money() {
    let Some(world) = World::open().await else { return };
    assert_eq!(world.post(&order("1", 51)).await, StatusCode::CONFLICT);
    assert_eq!(world.post(&order("1", 51)).await, StatusCode::CONFLICT, "still no money");
    sqlx::query("UPDATE purse SET coins = 52").execute(&world.orders.0).await.unwrap();
    for _ in 0..2 {
        assert_eq!(world.post(&order("1", 51)).await, StatusCode::OK);
        // Under the third attempt: two were refused.
        assert_eq!(world.coordinator.wait(&Gid::new("order-1-3").unwrap()).await, Status::Succeed);
        assert_eq!((world.placed().await, world.on_the_shelf().await), (1, 49));
    }
    assert_eq!(world.post(&order("2", 0)).await, StatusCode::BAD_REQUEST);
    world.coordinator.stop().await;
}

/// Nothing that a coordinator calls is open to others: `main` asks the same before it serves.
#[tokio::test]
async fn no_route_takes_calls_without_a_signature() {
    let Some(world) = World::open().await else { return };
    assert_eq!(auth::check(&world.app, orders::ROUTES).await, Ok(()));
    world.coordinator.stop().await;
}

#[tokio::test]
async fn a_lost_answer_of_the_stock_reserves_nothing_twice() {
    let Some(world) = World::open().await else { return };
    let gid = Gid::new("order-1-1").unwrap();
    // First the call itself is lost, then an answer.
    world.services.down("http://stock", true);
    assert_eq!(world.post(&order("1", 3)).await, StatusCode::OK);
    world.services.down("http://stock", false);
    world.services.lose_answers("http://stock", true);
    world.coordinator.ask_now(&gid).await;
    let reserved = async {
        while world.on_the_shelf().await == 100 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_mins(1), reserved).await.expect("it is called again");
    world.services.lose_answers("http://stock", false);
    world.coordinator.ask_now(&gid).await;
    assert_eq!(world.coordinator.wait(&gid).await, Status::Succeed);
    assert_eq!(world.on_the_shelf().await, 97);
    world.coordinator.stop().await;
}

/// The orders die between their commit and the submit: query-prepared, behind its layer, says what became of it.
#[tokio::test]
async fn a_lost_submit_is_found_out() {
    let Some(world) = World::open().await else { return };
    world.coordinator.lose_submits(true);
    assert_eq!(world.post(&order("1", 3)).await, StatusCode::OK);
    assert_eq!(world.on_the_shelf().await, 100);
    world.coordinator.lose_submits(false);
    let gid = Gid::new("order-1-1").unwrap();
    world.coordinator.ask_now(&gid).await;
    assert_eq!(world.coordinator.wait(&gid).await, Status::Succeed);
    assert_eq!(world.on_the_shelf().await, 97);
    world.coordinator.stop().await;
}
