//! Sagas: pairs in services, outside of them, in contracts; stages, options and what a client does with the outcome.

use branchwire::prelude::*;
use branchwire::saga::NoSteps;
use serde::{Deserialize, Serialize};

#[derive(Clone, Database)]
pub struct Hotel(sqlx::SqlitePool);

#[derive(Serialize, Deserialize)]
pub struct Book {
    pub room: i64,
}

#[branchwire::service("/api/hotel")]
pub mod hotel {
    use super::*;

    /// The second one may stand before the first one.
    #[saga_compensate(of = book)]
    pub async fn cancel(_: &mut Tx<Hotel>, _: Book) -> Result<(), Retry> {
        Ok(())
    }

    #[saga_action]
    pub async fn book(_: &mut Tx<Hotel>, req: Book) -> Result<(), BranchError> {
        (req.room > 0).then_some(()).or_refuse("no such room")
    }

    #[saga_action(nothing_to_undo)]
    pub async fn is_open(_: &mut Tx<Hotel>) -> Result<(), BranchError> {
        Ok(())
    }

    /// With an extractor, and without a payload.
    #[saga_action("/lock")]
    pub async fn lock(_: &mut Tx<Hotel>, _: BranchContext) -> Result<(), BranchError> {
        Ok(())
    }

    #[saga_compensate("/unlock", of = lock)]
    pub async fn unlock(_: &mut Tx<Hotel>) -> Result<(), Retry> {
        Ok(())
    }

    #[msg_branch]
    pub async fn welcome(_: &mut Tx<Hotel>, _: Book) -> Result<(), Retry> {
        Ok(())
    }
}

/// Outside of a service, in two modules.
pub mod actions {
    use super::*;

    #[saga_action]
    pub async fn charge(_: &mut Tx<Hotel>, _: i64) -> Result<(), BranchError> {
        Ok(())
    }
}

#[saga_compensate(of = actions::charge)]
pub async fn refund(_: &mut Tx<Hotel>, _: i64) -> Result<(), Retry> {
    Ok(())
}

#[branchwire::service("/api/airline", remote)]
pub mod airline {
    use super::*;

    #[saga_action]
    pub fn seat(req: Book);

    #[saga_compensate(of = seat)]
    pub fn give_back(req: Book);
}

/// Keeps the contract.
#[branchwire::service(implements = airline)]
pub mod our_airline {
    use super::*;

    #[saga_action]
    pub async fn seat(_: &mut Tx<Hotel>, _: Book) -> Result<(), BranchError> {
        Ok(())
    }

    #[saga_compensate(of = seat)]
    pub async fn give_back(_: &mut Tx<Hotel>, _: Book) -> Result<(), Retry> {
        Ok(())
    }
}

async fn trip(client: &Client, hotel: &hotel::Remote, airline: &airline::Remote) -> Result<bool, SagaNotDone> {
    let req = Book { room: 7 };
    let done = client
        .saga(hotel.book(&req))
        .and(airline.seat(&req))
        .then(hotel.is_open())
        .then_each(Some(hotel.lock()))
        .finally(hotel.welcome(&req))
        .roll_back_after(std::time::Duration::from_mins(1))
        .retry_limit(3)
        .run()
        .await?;
    Ok(match done {
        SagaDone::Succeeded { .. } => true,
        SagaDone::Running { .. } | SagaDone::Unknown { .. } => false,
    })
}

async fn many(client: &Client, hotel: &hotel::Remote) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let saga: Result<_, NoSteps> = client.saga_all([1, 2].map(|room| hotel.book(&Book { room })));
    let _ = saga?.and_all(None).gid(Gid::random()).submit().await?;
    let charge = branchwire::at::<actions::charge>("http://bank")?;
    let _ = client.saga(charge.with(&30)).submit().await?;
    Ok(())
}

#[tokio::test]
async fn a_saga_in_vain_is_not_started() {
    let client = Client::new("http://127.0.0.1:9").unwrap();
    let (hotel, airline) = (hotel::at("http://hotel").unwrap(), airline::at("http://airline").unwrap());
    assert!(matches!(trip(&client, &hotel, &airline).await, Err(SagaNotDone::NotStarted(_))));
    assert!(many(&client, &hotel).await.is_err());
    let roles: Vec<_> = hotel::ROUTES.iter().map(|route| (route.name, route.of)).collect();
    assert_eq!(roles[..3], [("cancel", "book"), ("book", ""), ("is_open", "")]);
    assert_eq!(our_airline::ROUTES[1].path, "/api/airline/give-back");
    let _: axum::Router = our_airline::router()
        .merge(hotel::router())
        .with_state(Hotel(sqlx::SqlitePool::connect_lazy("sqlite::memory:").unwrap()));
}
