//! Signed TCCs: no try, no confirm and no cancel runs without a signature of its own, also under a coordinator that signs
//! nothing.

use branchwire::auth::{self, Keys, Verify};
use branchwire::prelude::*;
use branchwire::tcc::CallError;
use branchwire::{axum, barrier};
use branchwire_coordinator::testing::{Services, TestCoordinator, TestDatabase};

#[derive(Clone, Database)]
struct Hotel(sqlx::SqlitePool);

#[branchwire::service("/hotel")]
mod hotel {
    use super::*;

    #[tcc_try]
    pub(super) async fn hold(tx: &mut Tx<Hotel>, rooms: i64) -> Result<(), BranchError> {
        add(tx, "held", rooms).await?;
        (rooms <= 10).then_some(()).or_refuse("more than ten")
    }

    #[tcc_confirm(of = hold)]
    pub(super) async fn book(tx: &mut Tx<Hotel>, rooms: i64) -> Result<(), Retry> {
        add(tx, "held", -rooms).await?;
        Ok(add(tx, "booked", rooms).await?)
    }

    #[tcc_cancel(of = hold)]
    pub(super) async fn release(tx: &mut Tx<Hotel>, rooms: i64) -> Result<(), Retry> {
        Ok(add(tx, "held", -rooms).await?)
    }
}

async fn add(tx: &mut Tx<Hotel>, column: &'static str, rooms: i64) -> Result<(), sqlx::Error> {
    let add = format!("UPDATE rooms SET {column} = {column} + ?");
    sqlx::query(sqlx::AssertSqlSafe(add)).bind(rooms).execute(&mut *tx).await?;
    Ok(())
}

fn keys(secret: &str) -> Keys {
    format!("k:{}", secret.repeat(32)).parse().expect("a key")
}

/// A hotel behind a layer that verifies, and a coordinator that may sign.
struct World {
    hotel: Hotel,
    coordinator: TestCoordinator,
    _database: TestDatabase<sqlx::Sqlite>,
}

impl World {
    async fn start(verify: Verify, coordinator_signs: bool) -> Self {
        let [database] = TestDatabase::sqlite().await;
        let hotel = Hotel(database.pool());
        barrier::set_up(&hotel).await.expect("SQLite is fit");
        let table = "CREATE TABLE rooms (held INTEGER, booked INTEGER); INSERT INTO rooms VALUES (0, 0)";
        sqlx::raw_sql(table).execute(&hotel.0).await.expect("an empty database");
        let app: axum::Router = hotel::router().layer(verify.host("hotel")).with_state(hotel.clone());
        assert_eq!(auth::check(&app, hotel::ROUTES).await, Ok(()));
        let services = Services::default();
        services.host("http://hotel", app);
        let coordinator = TestCoordinator::start_with(services, move |builder| {
            if coordinator_signs { builder.sign_calls(keys("a")) } else { builder }
        })
        .await;
        Self { hotel, coordinator, _database: database }
    }

    /// Held, booked.
    async fn rooms(&self) -> (i64, i64) {
        sqlx::query_as("SELECT held, booked FROM rooms").fetch_one(&self.hotel.0).await.expect("a row")
    }

    /// Holds so many rooms, one call after the other.
    async fn book(client: &Client, rooms: &[i64]) -> Result<TccDone<()>, TccNotDone<CallError>> {
        let hotel = hotel::at("http://hotel").expect("an address");
        client
            .tcc()
            .run(async |tcc| {
                for rooms in rooms {
                    tcc.call(hotel.hold(rooms)).await?;
                }
                Ok::<_, CallError>(())
            })
            .await
    }
}

#[tokio::test]
async fn confirms_and_cancels_are_signed_by_whoever_can_sign_them() {
    // Under a coordinator that signs nothing, as a DTM server does; under one that signs; and while one replaces the other.
    let by_client = || Verify::calls(keys("a")).or_messages();
    for (verify, coordinator_signs) in [(by_client(), false), (Verify::calls(keys("a")), true), (by_client(), true)] {
        let world = World::start(verify, coordinator_signs).await;
        let client: Client = world.coordinator.client::<Client>().sign_messages(keys("a"));
        let done = World::book(&client, &[2, 3]).await.expect("it is confirmed");
        assert!(matches!(done, TccDone::Confirmed { finished: true, .. }), "{done:?}");
        assert_eq!(world.rooms().await, (0, 5));
        let refused = World::book(&client, &[2, 11]).await.expect_err("it is refused");
        assert!(matches!(refused, TccNotDone::Cancelled { finished: true, .. }), "{refused}");
        assert_eq!(world.rooms().await, (0, 5));
        world.coordinator.stop().await;
    }
}

#[tokio::test]
async fn a_try_that_is_not_signed_or_with_another_key_holds_nothing() {
    let world = World::start(Verify::calls(keys("a")).or_messages(), false).await;
    let client: Client = world.coordinator.client();
    let unsigned = (client.clone(), "it answered 401: it takes signed calls only");
    let other_key = (client.sign_messages(keys("b")), "it answered 403: it does not accept this client's signature");
    for (client, says) in [unsigned, other_key] {
        let refused = World::book(&client, &[2]).await.expect_err("no try is accepted");
        let TccNotDone::Cancelled { why: CallError::NoAnswer { source, .. }, finished: false, .. } = refused else {
            panic!("{refused:?}")
        };
        assert!(source.to_string().starts_with(says), "{source}");
        assert_eq!(world.rooms().await, (0, 0));
    }
    world.coordinator.stop().await;
}

/// The error of a try whose service is away names no coordinator.
#[tokio::test]
async fn a_try_that_reaches_nobody_does_not_blame_the_coordinator() {
    let world = World::start(Verify::calls(keys("a")).or_messages(), false).await;
    let client = world.coordinator.client::<Client>().sign_messages(keys("a"));
    let nobody = hotel::at("http://nobody").expect("an address");
    let done = client.tcc().run(async |tcc| tcc.call(nobody.hold(&1)).await).await;
    let Err(TccNotDone::Cancelled { why: CallError::NoAnswer { source, .. }, .. }) = done else { panic!("{done:?}") };
    assert!(source.to_string().starts_with("the server "), "{source}");
    world.coordinator.stop().await;
}
