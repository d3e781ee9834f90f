//! A trip: a room and a seat at once, then the money, then the voucher. What the services say to each other; the services
//! themselves are once for each database.

pub mod mysql;
pub mod postgres;
pub mod sqlite;

use std::time::Duration;

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::{Json, Router};
use branchwire::tcc::CallError;
use branchwire::{Client, Gid, SagaDone, SagaNotDone, TccDone, TccNotDone};
use serde::{Deserialize, Serialize};

use crate::banks::{Kind, OpenError};

/// How many rooms and seats there are at the beginning.
pub const PLACES: i64 = 50;

/// How much is on the card at the beginning, in cents.
pub const CENTS: i64 = 500_000;

/// How long a trip may be held before it is taken.
pub const HELD_FOR: Duration = Duration::from_secs(5);

/// A customer's order to the agency.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Trip {
    /// The order's own name: the same order sent twice is one trip.
    pub order: String,
    /// In cents.
    pub price: i64,
}

/// How often one order can be refused.
const ATTEMPTS_MAX: u32 = 100;

impl Trip {
    /// The gids under which this order may be booked, one after another.
    ///
    /// A gid under which it was refused is used up, and there may be a seat or money since: then the next one is tried. A
    /// repeated order goes through the same gids, and finds the one under which it was booked.
    pub fn gids(&self) -> impl Iterator<Item = Gid> {
        (1..=ATTEMPTS_MAX).map_while(|attempt| Gid::new(format!("trip-{}-{attempt}", self.order)).ok())
    }

    /// What the hotel, the airline and the agency itself are told.
    pub fn stay(&self) -> Stay {
        Stay { order: self.order.clone() }
    }

    /// What the bank is told.
    pub fn charge(&self) -> Charge {
        Charge { card: 1, cents: self.price }
    }
}

/// Who travels.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Stay {
    /// The order's own name.
    pub order: String,
}

/// A room of the hotel: what a booking returns, and what its other half needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoomId(pub i64);

/// Who pays, and how much.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Charge {
    /// The card's number.
    pub card: i64,
    /// The price, in cents.
    pub cents: i64,
}

/// The agency's response to its customer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "trip", rename_all = "snake_case")]
pub enum Answer {
    /// Room, seat and money are certain; the voucher comes.
    Booked,
    /// It is not decided yet; the same order tells later.
    Pending,
    /// Nothing is booked, or the little that was booked is being given back.
    Refused,
    /// Nothing is booked: try again later.
    Down,
}

/// Tells the customer what is true of a saga.
pub fn answer(result: Result<SagaDone, SagaNotDone>) -> Response {
    respond(match result {
        Ok(SagaDone::Succeeded { .. }) => Answer::Booked,
        Ok(SagaDone::Running { .. } | SagaDone::Unknown { .. }) => Answer::Pending,
        Err(
            SagaNotDone::RolledBack { .. }
            | SagaNotDone::RollingBack { .. }
            | SagaNotDone::GivenUp { .. }
            | SagaNotDone::OtherTransaction { .. },
        ) => Answer::Refused,
        Err(SagaNotDone::NotStarted(error)) => {
            tracing::error!(error = &error as &dyn std::error::Error, "no trip");
            Answer::Down
        }
    })
}

/// Tells the customer what is true of a TCC.
pub fn answer_of_tcc(result: Result<TccDone<()>, TccNotDone<CallError>>) -> Response {
    respond(match result {
        Ok(TccDone::Confirmed { .. } | TccDone::Repeated { .. }) => Answer::Booked,
        // Stopped: a person has ended it half-way, and a person has to look; the log says so.
        Ok(TccDone::Unknown { .. } | TccDone::Stopped { .. }) => Answer::Pending,
        Err(TccNotDone::NotStarted(error)) => {
            tracing::error!(error = &error as &dyn std::error::Error, "no trip");
            Answer::Down
        }
        // Whatever was held is released, or will be.
        Err(error) => {
            tracing::info!(error = &error as &dyn std::error::Error, "no trip");
            Answer::Refused
        }
    })
}

/// Tells the customer of an order that none of its gids is left for.
pub fn answer_of_no_gid() -> Response {
    respond(Answer::Refused)
}

fn respond(answer: Answer) -> Response {
    let status = match answer {
        Answer::Booked => StatusCode::OK,
        Answer::Pending => StatusCode::ACCEPTED,
        Answer::Refused => StatusCode::CONFLICT,
        Answer::Down => StatusCode::SERVICE_UNAVAILABLE,
    };
    (status, Json(answer)).into_response()
}

/// The addresses that the agency needs.
#[derive(Debug, Clone)]
pub struct Links {
    /// The coordinator.
    pub client: Client,
    /// Where the agency itself can be reached.
    pub agency: String,
    /// Where the hotel can be reached.
    pub hotel: String,
    /// Where the airline can be reached.
    pub airline: String,
    /// Where the bank can be reached.
    pub bank: String,
}

/// Opens the hotel: its rooms, its barrier, its routes.
///
/// # Errors
/// [`OpenError`], which says what to do.
pub async fn open_hotel(database: &str) -> Result<Router, OpenError> {
    match Kind::of(database)? {
        Kind::Sqlite => sqlite::open_hotel(database).await,
        Kind::Postgres => postgres::open_hotel(database).await,
        Kind::Mysql => mysql::open_hotel(database).await,
    }
}

/// Opens the airline: its seats, its barrier, its routes.
///
/// # Errors
/// [`OpenError`], which says what to do.
pub async fn open_airline(database: &str) -> Result<Router, OpenError> {
    match Kind::of(database)? {
        Kind::Sqlite => sqlite::open_airline(database).await,
        Kind::Postgres => postgres::open_airline(database).await,
        Kind::Mysql => mysql::open_airline(database).await,
    }
}

/// Opens the bank: its card, its barrier, its routes.
///
/// # Errors
/// [`OpenError`], which says what to do.
pub async fn open_bank(database: &str) -> Result<Router, OpenError> {
    match Kind::of(database)? {
        Kind::Sqlite => sqlite::open_bank(database).await,
        Kind::Postgres => postgres::open_bank(database).await,
        Kind::Mysql => mysql::open_bank(database).await,
    }
}

/// Opens the agency: its vouchers, its barrier, its routes.
///
/// # Errors
/// [`OpenError`], which says what to do.
pub async fn open_agency(database: &str, links: Links) -> Result<Router, OpenError> {
    match Kind::of(database)? {
        Kind::Sqlite => sqlite::open_agency(database, links).await,
        Kind::Postgres => postgres::open_agency(database, links).await,
        Kind::Mysql => mysql::open_agency(database, links).await,
    }
}
