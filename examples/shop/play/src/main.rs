//! The shop by one command, `cargo run -p shop`: a scratch PostgreSQL, a coordinator on it with keys and tokens, the two
//! services on sockets. It sends an order twice and says what came of it.

use std::error::Error;
use std::time::Duration;

use axum::Router;
use branchwire::auth::Keys;
use branchwire::client::Outcome;
use branchwire::{Client, Gid};
use branchwire_coordinator::Coordinator;
use branchwire_tests::database::TestDatabase;
use shop_orders::{Order, Shop, orders};
use sqlx::PgPool;
use tokio::net::TcpListener;

const TOKEN: &str = "a-token-of-thirty-two-characters";

/// Serves on a socket of this machine.
fn serve(listener: TcpListener, app: Router) {
    tokio::spawn(async move { axum::serve(listener, app).await });
}

async fn listen() -> Result<(TcpListener, String), Box<dyn Error>> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}", listener.local_addr()?);
    Ok((listener, url))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    // One database for the coordinator, one for each service.
    let (Some(store), Some(orders_db), Some(stock_db)) =
        (TestDatabase::postgres().await, TestDatabase::postgres().await, TestDatabase::postgres().await)
    else {
        return Err("there is no PostgreSQL".into());
    };
    let keys: Keys = "2026-12:0123456789abcdef0123456789abcdef".parse()?;

    let coordinator = Coordinator::builder().store(store.url()).sign_calls(keys.clone()).api_tokens(TOKEN.parse()?);
    let coordinator = coordinator.start().await?;
    let (listener, coordinator_url) = listen().await?;
    serve(listener, coordinator.router());
    println!("coordinator  {coordinator_url}, signs its calls, asks for a token");

    let stock_db = shop_stock::open(PgPool::connect(stock_db.url()).await?).await?;
    let (listener, stock_url) = listen().await?;
    serve(listener, shop_stock::app(stock_db.clone(), keys.clone()));
    println!("stock        {stock_url}, 100 lamps on the shelf");

    let (listener, orders_url) = listen().await?;
    let client = Client::new(&coordinator_url)?.bearer_token(TOKEN)?;
    let shop = Shop {
        db: shop_orders::open(PgPool::connect(orders_db.url()).await?).await?,
        client: client.clone(),
        own: orders::at(&orders_url)?,
        stock: shop_contracts::stock::at(&stock_url)?,
    };
    serve(listener, shop_orders::app(shop, keys));
    println!("orders       {orders_url}");

    let order = Order { number: "1".to_owned(), item: "lamp".to_owned(), pieces: 3 };
    for time in ["first", "second"] {
        let answer = reqwest::Client::new().post(format!("{orders_url}/orders")).json(&order).send().await?;
        println!("order 1 of 3 lamps, sent for the {time} time: {}", answer.status());
    }
    let outcome = tokio::time::timeout(Duration::from_secs(30), client.outcome(&Gid::new("order-1-1")?)).await??;
    let left: i32 = sqlx::query_scalar("SELECT pieces FROM shelf").fetch_one(&stock_db.0).await?;
    println!("the message: {outcome:?}; lamps on the shelf: {left}");
    let description: String = reqwest::get(format!("{stock_url}/openapi.json")).await?.text().await?;
    println!("{stock_url}/openapi.json describes /api/stock/reserve: {}", description.contains("/api/stock/reserve"));
    coordinator.stop().await;
    if outcome != Outcome::Succeeded || left != 97 {
        return Err("the shop does not hold".into());
    }
    println!("shop: one order, 97 lamps left");
    Ok(())
}
