//! Signed sagas: no action and no compensation runs without a signature of its own.

use std::sync::{Arc, Mutex};

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::Request;
use axum::http::request::Parts;
use axum::middleware::{Next, from_fn};
use axum::{Router, http};
use branchwire::auth::{self, Keys, Verify};
use branchwire::prelude::*;
use branchwire::protocol::Status;
use branchwire::{Reply, axum, barrier};
use branchwire_coordinator::testing::{Services, TestCoordinator, TestDatabase};
use branchwire_tests::service::read;
use tower::ServiceExt as _;

#[derive(Clone, Database)]
struct Ledger(sqlx::SqlitePool);

#[branchwire::service("/ledger")]
mod ledger {
    use super::*;

    #[saga_action]
    pub(super) async fn take(tx: &mut Tx<Ledger>, amount: i64) -> Result<(), BranchError> {
        add(tx, -amount).await?;
        (amount <= 100).then_some(()).or_refuse("more than 100")
    }

    #[saga_compensate(of = take)]
    pub(super) async fn give_back(tx: &mut Tx<Ledger>, amount: i64) -> Result<(), Retry> {
        Ok(add(tx, amount).await?)
    }
}

async fn add(tx: &mut Tx<Ledger>, amount: i64) -> Result<(), sqlx::Error> {
    sqlx::query("UPDATE ledger SET amount = amount + ?").bind(amount).execute(&mut *tx).await?;
    Ok(())
}

fn keys(secret: &str) -> Keys {
    format!("k:{}", secret.repeat(32)).parse().expect("a key")
}

/// A ledger of 100, behind a layer that verifies, and behind one that records calls.
struct World {
    ledger: Ledger,
    app: Router,
    seen: Arc<Mutex<Vec<(Parts, Bytes)>>>,
    services: Services,
    _database: TestDatabase<sqlx::Sqlite>,
}

impl World {
    async fn start(verify: Verify) -> Self {
        let [database] = TestDatabase::sqlite().await;
        let ledger = Ledger(database.pool());
        barrier::set_up(&ledger).await.expect("SQLite is fit");
        let table = "CREATE TABLE ledger (amount INTEGER); INSERT INTO ledger VALUES (100)";
        sqlx::raw_sql(table).execute(&ledger.0).await.expect("an empty database");
        let app: Router = ledger::router().layer(verify.host("ledger")).with_state(ledger.clone());
        assert_eq!(auth::check(&app, ledger::ROUTES).await, Ok(()));
        let seen = Arc::<Mutex<Vec<_>>>::default();
        let records = seen.clone();
        let recorded = app.clone().layer(from_fn(move |request: Request, next: Next| {
            let records = records.clone();
            async move {
                let (parts, body) = request.into_parts();
                let body = to_bytes(body, usize::MAX).await.expect("a body");
                records.lock().expect("no panic").push((parts.clone(), body.clone()));
                next.run(Request::from_parts(parts, Body::from(body))).await
            }
        }));
        let services = Services::default();
        services.host("http://ledger", recorded);
        Self { ledger, app, seen, services, _database: database }
    }

    async fn amount(&self) -> i64 {
        sqlx::query_scalar("SELECT amount FROM ledger").fetch_one(&self.ledger.0).await.expect("a ledger")
    }

    /// A saga that takes these amounts, one after another.
    fn saga(client: &Client, amounts: &[i64]) -> branchwire::saga::Saga {
        let ledger = ledger::at("http://ledger").expect("an address");
        client.saga_all(amounts.iter().map(|amount| ledger.take(amount))).expect("steps")
    }

    /// Sends a recorded call to the service itself, with another part of its query.
    async fn send_changed(&self, call: &(Parts, Bytes), from: &str, to: &str) -> Reply {
        let (mut parts, body) = call.clone();
        // The extensions that the router has added to the first call.
        parts.extensions.clear();
        let uri = parts.uri.to_string();
        assert!(uri.contains(from), "{uri}");
        parts.uri = uri.replace(from, to).parse().expect("an address");
        let call = Request::from_parts(parts, Body::from(body));
        read(self.app.clone().oneshot(call).await.expect("an answer")).await
    }
}

/// All goes well; then the second action refuses, and the first is undone.
async fn goes_both_ways(world: &World, client: &Client) {
    let done = World::saga(client, &[30, 10]).run().await.expect("it succeeds");
    assert!(matches!(done, SagaDone::Succeeded { .. }), "{done:?}");
    assert_eq!(world.amount().await, 60);
    let refused = World::saga(client, &[30, 1000]).run().await.expect_err("it is refused");
    assert!(matches!(refused, SagaNotDone::RolledBack { .. }), "{refused}");
    assert_eq!(world.amount().await, 60);
}

#[tokio::test]
async fn a_coordinator_signs_actions_and_compensations() {
    let world = World::start(Verify::calls(keys("a"))).await;
    let signs = |keys: Keys| TestCoordinator::start_with(world.services.clone(), move |b| b.sign_calls(keys.clone()));
    let coordinator = signs(keys("a")).await;
    goes_both_ways(&world, &coordinator.client()).await;
    coordinator.stop().await;

    // A sender with another key, or without one, achieves nothing.
    for coordinator in [signs(keys("b")).await, TestCoordinator::start(world.services.clone()).await] {
        let done = World::saga(&coordinator.client(), &[30]).run().await.expect("it is not known to be refused");
        assert!(matches!(done, SagaDone::Running { .. }), "{done:?}");
        assert_eq!(world.amount().await, 60);
        coordinator.stop().await;
    }
}

#[tokio::test]
async fn a_client_signs_actions_and_compensations_for_a_coordinator_that_does_not() {
    let world = World::start(Verify::messages(keys("a"))).await;
    let coordinator = TestCoordinator::start(world.services.clone()).await;
    let client: Client = coordinator.client();
    goes_both_ways(&world, &client.clone().sign_messages(keys("a"))).await;
    for client in [client.clone(), client.sign_messages(keys("b"))] {
        let done = World::saga(&client, &[30]).run().await.expect("it is not known to be refused");
        assert!(matches!(done, SagaDone::Running { .. }), "{done:?}");
        assert_eq!(world.amount().await, 60);
    }
    coordinator.stop().await;
}

/// Who has recorded the call of an action cannot make a compensation of it, nor another action.
#[tokio::test]
async fn a_recorded_action_is_no_compensation() {
    for client_signs in [false, true] {
        let verify = if client_signs { Verify::messages(keys("a")) } else { Verify::calls(keys("a")) };
        let world = World::start(verify).await;
        let coordinator = TestCoordinator::start_with(world.services.clone(), move |builder| {
            if client_signs { builder } else { builder.sign_calls(keys("a")) }
        })
        .await;
        let client: Client = coordinator.client();
        let client = if client_signs { client.sign_messages(keys("a")) } else { client };
        let done = World::saga(&client, &[30]).run().await.expect("it succeeds");
        assert_eq!(coordinator.wait(done.gid()).await, Status::Succeed);
        let action = world.seen.lock().expect("no panic").first().expect("a call").clone();
        assert_eq!(action.0.method, http::Method::POST);

        assert_eq!(world.send_changed(&action, "/take?", "/take?").await, Reply::Success, "it is a repeat");
        assert_eq!(world.send_changed(&action, "/take?", "/give-back?").await, Reply::BadSignature);
        assert_eq!(world.send_changed(&action, "branch_id=01", "branch_id=02").await, Reply::BadSignature);
        assert_eq!(world.send_changed(&action, "op=action", "op=compensate").await, Reply::BadSignature);
        assert_eq!(world.amount().await, 70);
        coordinator.stop().await;
    }
}
