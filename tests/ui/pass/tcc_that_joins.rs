//! A TCC that calls its tries at once, one after another, in a loop and in a helper, within a handler.

use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use axum::{Json, Router};
use branchwire::prelude::*;
use branchwire::tcc::CallError;
use serde::{Deserialize, Serialize};

#[derive(Clone, Database)]
pub struct Seats(sqlx::SqlitePool);

#[derive(Serialize, Deserialize)]
pub struct Reserve {
    pub flight: i64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Seat {
    pub price: i64,
}

#[branchwire::service("/api/seats")]
pub mod seats {
    use super::*;

    #[tcc_try]
    pub async fn reserve(_: &mut Tx<Seats>, req: Reserve) -> Result<Seat, BranchError> {
        (req.flight > 0).then_some(Seat { price: 1 }).or_refuse("no such flight")
    }

    #[tcc_confirm(of = reserve)]
    pub async fn take(_: &mut Tx<Seats>, _: Reserve, Kept(_): Kept<Seat>) -> Result<(), Retry> {
        Ok(())
    }

    #[tcc_cancel(of = reserve)]
    pub async fn release(_: &mut Tx<Seats>, _: Reserve, Kept(seat): Kept<Seat>) -> Result<(), Retry> {
        if seat.price > 0 { Ok(()) } else { Err(Retry::new("no price")) }
    }

    #[tcc_try("/lock")]
    pub async fn lock(_: &mut Tx<Seats>, _: BranchContext) -> Result<(), BranchError> {
        Ok(())
    }

    #[tcc_confirm("/lock/confirm", of = lock)]
    pub async fn keep_locked(_: &mut Tx<Seats>) -> Result<(), Retry> {
        Ok(())
    }

    #[tcc_cancel("/lock/cancel", of = lock)]
    pub async fn unlock(_: &mut Tx<Seats>) -> Result<(), Retry> {
        Ok(())
    }
}

#[derive(Debug)]
pub enum TripError {
    TooDear,
    Call(CallError),
}

impl From<CallError> for TripError {
    fn from(error: CallError) -> Self {
        Self::Call(error)
    }
}

#[derive(Clone)]
pub struct App {
    client: Client,
    seats: seats::Remote,
}

/// A part of a closure.
async fn hold_all(tcc: &mut Tcc, seats: &seats::Remote, flights: &[i64]) -> Result<Vec<Seat>, CallError> {
    let mut held = Vec::new();
    for flight in flights {
        held.push(tcc.call(seats.reserve(&Reserve { flight: *flight })).await?);
    }
    held.extend(
        tcc.join(flights.iter().map(|flight| seats.reserve(&Reserve { flight: *flight })).collect::<Vec<_>>()).await?,
    );
    Ok(held)
}

async fn trip(State(app): State<App>, Json(wish): Json<Reserve>) -> StatusCode {
    let seats = &app.seats;
    let done = app
        .client
        .tcc()
        .within(Duration::from_secs(20))
        .gid(Gid::random())
        .retry_interval(Duration::from_secs(1))
        .request_timeout(Duration::from_secs(2))
        .branch_header("x-a", "b")
        .run(async |tcc| {
            let seat = tcc.call(seats.reserve(&wish)).await?;
            if seat.price > 100 {
                return Err(TripError::TooDear);
            }
            let (way_back, ()) = tcc.join((seats.reserve(&wish), seats.lock())).await?;
            let [a, b] = tcc.join([seats.reserve(&wish), seats.reserve(&wish)]).await?;
            let more = hold_all(tcc, seats, &[1, 2]).await?;
            Ok((seat, way_back, a, b, more.len()))
        })
        .await;
    match done {
        Ok(TccDone::Confirmed { value: (.., 4), .. } | TccDone::Repeated { .. }) => StatusCode::OK,
        Ok(TccDone::Confirmed { .. } | TccDone::Unknown { .. }) => StatusCode::ACCEPTED,
        Ok(TccDone::Stopped { .. }) => StatusCode::INTERNAL_SERVER_ERROR,
        Err(TccNotDone::Cancelled { why: TripError::TooDear, .. }) => StatusCode::CONFLICT,
        Err(_) => StatusCode::SERVICE_UNAVAILABLE,
    }
}

/// The routes.
pub fn router(app: App) -> Router {
    Router::new().route("/trip", post(trip)).with_state(app)
}

/// In a task.
async fn spawned(client: Client, seats: seats::Remote) -> bool {
    let task = tokio::spawn(async move {
        let done = client.tcc().run(async |tcc| tcc.join((seats.lock(), seats.lock(), seats.lock())).await);
        done.await.is_ok()
    });
    task.await.unwrap_or(false)
}

#[tokio::test]
async fn a_tcc_without_a_coordinator_is_not_started() {
    let client = Client::new("http://127.0.0.1:9").unwrap();
    let seats = seats::at("http://seats").unwrap();
    assert!(!spawned(client, seats).await);
}
