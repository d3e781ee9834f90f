//! The trip's services on SQLite.

use axum::extract::{FromRef, State};
use axum::response::Response;
use axum::routing::post;
use axum::{Json, Router};
use branchwire::prelude::*;
use sqlx::SqlitePool;
use sqlx::sqlite::SqliteConnectOptions;

use super::{CENTS, Charge, HELD_FOR, Links, PLACES, RoomId, Stay, Trip, answer, answer_of_no_gid, answer_of_tcc};
use crate::banks::{OpenError, ready};

// The hotel: a row for each room.

/// The database of the hotel.
#[derive(Clone, Database)]
pub struct Hotel(SqlitePool);

/// The branches that the hotel hosts.
#[branchwire::service("/api/hotel")]
pub mod hotel {
    use super::*;

    /// Books a room.
    #[saga_action]
    pub async fn book(tx: &mut Tx<Hotel>, req: Stay) -> Result<RoomId, BranchError> {
        take_a_room(tx, &req, true).await
    }

    /// Gives the room back that was booked.
    #[saga_compensate(of = book)]
    pub async fn cancel(tx: &mut Tx<Hotel>, _: Stay, Kept(room): Kept<RoomId>) -> Result<(), Retry> {
        Ok(free_the_room(tx, room).await?)
    }

    /// Holds a room: nobody else gets it, and it is not certain yet.
    #[tcc_try]
    pub async fn hold(tx: &mut Tx<Hotel>, req: Stay) -> Result<RoomId, BranchError> {
        take_a_room(tx, &req, false).await
    }

    /// Makes it certain.
    #[tcc_confirm(of = hold)]
    pub async fn occupy(tx: &mut Tx<Hotel>, _: Stay, Kept(room): Kept<RoomId>) -> Result<(), Retry> {
        sqlx::query("UPDATE room SET is_certain = TRUE WHERE id = $1").bind(room.0).execute(&mut *tx).await?;
        Ok(())
    }

    /// Gives it back.
    #[tcc_cancel(of = hold)]
    pub async fn release(tx: &mut Tx<Hotel>, _: Stay, Kept(room): Kept<RoomId>) -> Result<(), Retry> {
        Ok(free_the_room(tx, room).await?)
    }

    async fn take_a_room(tx: &mut Tx<Hotel>, guest: &Stay, is_certain: bool) -> Result<RoomId, BranchError> {
        let first_free = "UPDATE room SET guest = $1, is_certain = $2
            WHERE id = (SELECT min(id) FROM room WHERE guest IS NULL) RETURNING id";
        let room = sqlx::query_scalar(first_free).bind(&guest.order).bind(is_certain).fetch_optional(&mut *tx).await?;
        room.map(RoomId).or_refuse("no room is free")
    }

    async fn free_the_room(tx: &mut Tx<Hotel>, room: RoomId) -> Result<(), sqlx::Error> {
        sqlx::query("UPDATE room SET guest = NULL WHERE id = $1").bind(room.0).execute(&mut *tx).await?;
        Ok(())
    }
}

/// Opens the hotel.
pub async fn open_hotel(database: &str) -> Result<Router, OpenError> {
    let table = "CREATE TABLE IF NOT EXISTS room
         (id INTEGER PRIMARY KEY, guest TEXT, is_certain BOOLEAN NOT NULL DEFAULT TRUE)";
    let pool = connect(database, table).await?;
    for id in 1..=PLACES {
        sqlx::query("INSERT INTO room (id) VALUES ($1) ON CONFLICT DO NOTHING").bind(id).execute(&pool).await?;
    }
    Ok(hotel::router().with_state(ready(Hotel(pool)).await?))
}

// The airline: it counts its seats.

/// The database of the airline.
#[derive(Clone, Database)]
pub struct Airline(SqlitePool);

/// The branches that the airline hosts.
#[branchwire::service("/api/airline")]
pub mod airline {
    use super::*;

    /// Books a seat.
    #[saga_action]
    pub async fn book(tx: &mut Tx<Airline>, _: Stay) -> Result<(), BranchError> {
        let sql = "UPDATE flight SET free = free - 1, taken = taken + 1 WHERE id = 1 AND free > 0";
        let booked = sqlx::query(sql).execute(&mut *tx).await?;
        (booked.rows_affected() == 1).then_some(()).or_refuse("no seat is free")
    }

    /// Gives the seat back: it adds what was taken away, whatever has happened since.
    #[saga_compensate(of = book)]
    pub async fn cancel(tx: &mut Tx<Airline>, _: Stay) -> Result<(), Retry> {
        sqlx::query("UPDATE flight SET free = free + 1, taken = taken - 1 WHERE id = 1").execute(&mut *tx).await?;
        Ok(())
    }

    /// Holds a seat.
    #[tcc_try]
    pub async fn hold(tx: &mut Tx<Airline>, _: Stay) -> Result<(), BranchError> {
        let sql = "UPDATE flight SET free = free - 1, held = held + 1 WHERE id = 1 AND free > 0";
        let held = sqlx::query(sql).execute(&mut *tx).await?;
        (held.rows_affected() == 1).then_some(()).or_refuse("no seat is free")
    }

    /// Takes the seat that is held.
    #[tcc_confirm(of = hold)]
    pub async fn take(tx: &mut Tx<Airline>, _: Stay) -> Result<(), Retry> {
        sqlx::query("UPDATE flight SET held = held - 1, taken = taken + 1 WHERE id = 1").execute(&mut *tx).await?;
        Ok(())
    }

    /// Lets the seat go that is held.
    #[tcc_cancel(of = hold)]
    pub async fn release(tx: &mut Tx<Airline>, _: Stay) -> Result<(), Retry> {
        sqlx::query("UPDATE flight SET held = held - 1, free = free + 1 WHERE id = 1").execute(&mut *tx).await?;
        Ok(())
    }
}

/// Opens the airline.
pub async fn open_airline(database: &str) -> Result<Router, OpenError> {
    let table = "CREATE TABLE IF NOT EXISTS flight
         (id INTEGER PRIMARY KEY, free INTEGER NOT NULL, held INTEGER NOT NULL, taken INTEGER NOT NULL)";
    let pool = connect(database, table).await?;
    let row = "INSERT INTO flight VALUES (1, $1, 0, 0) ON CONFLICT DO NOTHING";
    sqlx::query(row).bind(PLACES).execute(&pool).await?;
    Ok(airline::router().with_state(ready(Airline(pool)).await?))
}

// The bank: money on a card, in cents.

/// The database of the bank.
#[derive(Clone, Database)]
pub struct Bank(SqlitePool);

/// The branches that the bank hosts.
#[branchwire::service("/api/bank")]
pub mod bank {
    use super::*;

    /// Charges a card.
    #[saga_action]
    pub async fn charge(tx: &mut Tx<Bank>, req: Charge) -> Result<(), BranchError> {
        let sql = "UPDATE card SET cents = cents - $1 WHERE id = $2 AND cents >= $1";
        let charged = sqlx::query(sql).bind(req.cents).bind(req.card).execute(&mut *tx).await?;
        (charged.rows_affected() == 1).then_some(()).or_refuse("not enough money")
    }

    /// Pays it back.
    #[saga_compensate(of = charge)]
    pub async fn refund(tx: &mut Tx<Bank>, req: Charge) -> Result<(), Retry> {
        let sql = "UPDATE card SET cents = cents + $1 WHERE id = $2";
        sqlx::query(sql).bind(req.cents).bind(req.card).execute(&mut *tx).await?;
        Ok(())
    }

    /// Sets the money aside.
    #[tcc_try]
    pub async fn reserve(tx: &mut Tx<Bank>, req: Charge) -> Result<(), BranchError> {
        let sql = "UPDATE card SET cents = cents - $1, reserved = reserved + $1 WHERE id = $2 AND cents >= $1";
        let reserved = sqlx::query(sql).bind(req.cents).bind(req.card).execute(&mut *tx).await?;
        (reserved.rows_affected() == 1).then_some(()).or_refuse("not enough money")
    }

    /// Pays with it.
    #[tcc_confirm(of = reserve)]
    pub async fn pay(tx: &mut Tx<Bank>, req: Charge) -> Result<(), Retry> {
        let sql = "UPDATE card SET reserved = reserved - $1 WHERE id = $2";
        sqlx::query(sql).bind(req.cents).bind(req.card).execute(&mut *tx).await?;
        Ok(())
    }

    /// Puts it back.
    #[tcc_cancel(of = reserve)]
    pub async fn put_back(tx: &mut Tx<Bank>, req: Charge) -> Result<(), Retry> {
        let sql = "UPDATE card SET cents = cents + $1, reserved = reserved - $1 WHERE id = $2";
        sqlx::query(sql).bind(req.cents).bind(req.card).execute(&mut *tx).await?;
        Ok(())
    }
}

/// Opens the bank.
pub async fn open_bank(database: &str) -> Result<Router, OpenError> {
    let table = "CREATE TABLE IF NOT EXISTS card
         (id INTEGER PRIMARY KEY, cents INTEGER NOT NULL, reserved INTEGER NOT NULL)";
    let pool = connect(database, table).await?;
    sqlx::query("INSERT INTO card VALUES (1, $1, 0) ON CONFLICT DO NOTHING").bind(CENTS).execute(&pool).await?;
    Ok(bank::router().with_state(ready(Bank(pool)).await?))
}

// The agency: it sends the saga, and the voucher at its end.

/// The database of the agency.
#[derive(Clone, Database)]
pub struct Agency(SqlitePool);

/// The branches that the agency hosts.
#[branchwire::service("/api/agency")]
pub mod agency {
    use super::*;

    /// Sends the voucher. It cannot refuse: everything is booked.
    #[msg_branch]
    pub async fn send_voucher(tx: &mut Tx<Agency>, req: Stay) -> Result<(), Retry> {
        sqlx::query("INSERT INTO voucher VALUES ($1)").bind(&req.order).execute(&mut *tx).await?;
        Ok(())
    }
}

#[derive(Clone, FromRef)]
struct App {
    db: Agency,
    client: Client,
    agency: agency::Remote,
    hotel: hotel::Remote,
    airline: airline::Remote,
    bank: bank::Remote,
}

async fn book_trip(State(app): State<App>, Json(trip): Json<Trip>) -> Response {
    // The gids are made of the order, so that a repeated request is the same trip.
    for gid in trip.gids() {
        let saga = app
            .client
            .saga(app.hotel.book(&trip.stay()))
            .and(app.airline.book(&trip.stay()))
            .then(app.bank.charge(&trip.charge()))
            .finally(app.agency.send_voucher(&trip.stay()));
        match saga.gid(gid).run().await {
            // Refused earlier, under this gid: there may be a seat, or money, now.
            Err(SagaNotDone::GivenUp { .. }) => {}
            result => return answer(result),
        }
    }
    answer_of_no_gid()
}

/// The same trip as a TCC: everything is held, and then taken.
async fn hold_trip(State(app): State<App>, Json(trip): Json<Trip>) -> Response {
    for gid in trip.gids() {
        let done = app.client.tcc().gid(gid).within(HELD_FOR).run(async |tcc| {
            tcc.join((app.hotel.hold(&trip.stay()), app.airline.hold(&trip.stay()))).await?;
            tcc.call(app.bank.reserve(&trip.charge())).await
        });
        match done.await {
            Err(TccNotDone::GivenUp { .. }) => {}
            result => return answer_of_tcc(result),
        }
    }
    answer_of_no_gid()
}

/// Opens the agency.
pub async fn open_agency(database: &str, links: Links) -> Result<Router, OpenError> {
    let pool = connect(database, "CREATE TABLE IF NOT EXISTS voucher (trip TEXT PRIMARY KEY)").await?;
    let app = App {
        db: ready(Agency(pool)).await?,
        client: links.client,
        agency: agency::at(links.agency)?,
        hotel: hotel::at(links.hotel)?,
        airline: airline::at(links.airline)?,
        bank: bank::at(links.bank)?,
    };
    Ok(Router::new()
        .route("/api/agency/book-trip", post(book_trip))
        .route("/api/agency/hold-trip", post(hold_trip))
        .merge(agency::router())
        .with_state(app))
}

async fn connect(database: &str, table: &'static str) -> Result<SqlitePool, sqlx::Error> {
    let pool = SqlitePool::connect_with(database.parse::<SqliteConnectOptions>()?.create_if_missing(true)).await?;
    sqlx::raw_sql(table).execute(&pool).await?;
    Ok(pool)
}
