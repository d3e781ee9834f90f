//! What a first half returns, of every form, and what a second half makes of it.

use std::collections::BTreeMap;

use branchwire::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Clone, Database)]
pub struct Hotel(sqlx::SqlitePool);

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct RoomId(pub i64);

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    Room { id: RoomId, beds: u8 },
    Couch,
}

pub type Prices = BTreeMap<String, Option<i64>>;

#[branchwire::service("/api/hotel")]
pub mod hotel {
    use super::*;

    /// The second one may stand before the first one.
    #[saga_compensate(of = book)]
    pub async fn cancel(tx: &mut Tx<Hotel>, _: i64, Kept(RoomId(room)): Kept<RoomId>) -> Result<(), Retry> {
        sqlx::query("UPDATE room SET guest = NULL WHERE id = $1").bind(room).execute(&mut *tx).await?;
        Ok(())
    }

    #[saga_action]
    pub async fn book(tx: &mut Tx<Hotel>, guest: i64) -> Result<RoomId, BranchError> {
        let sql = "UPDATE room SET guest = $1 WHERE id = (SELECT min(id) FROM room WHERE guest IS NULL) RETURNING id";
        let room = sqlx::query_scalar(sql).bind(guest).fetch_optional(&mut *tx).await?;
        room.map(RoomId).or_refuse("no room is free")
    }

    #[saga_action]
    pub async fn find(_: &mut Tx<Hotel>, _: i64) -> Result<Place, BranchError> {
        Ok(Place::Couch)
    }

    #[saga_compensate(of = find)]
    pub async fn leave(_: &mut Tx<Hotel>, _: i64, Kept(place): Kept<Place>) -> Result<(), Retry> {
        match place {
            Place::Room { id: RoomId(1..), .. } | Place::Couch => Ok(()),
            Place::Room { beds, .. } => Err(Retry::new(format!("{beds} beds nowhere"))),
        }
    }

    #[saga_action]
    pub async fn price(_: &mut Tx<Hotel>, _: i64) -> Result<Prices, BranchError> {
        Ok(Prices::new())
    }

    /// It does not need what was kept.
    #[saga_compensate(of = price)]
    pub async fn forget(_: &mut Tx<Hotel>, _: i64) -> Result<(), Retry> {
        Ok(())
    }

    /// A tuple, and no payload.
    #[tcc_try]
    pub async fn hold(_: &mut Tx<Hotel>) -> Result<(RoomId, Vec<u8>), BranchError> {
        Ok((RoomId(1), Vec::new()))
    }

    #[tcc_confirm(of = hold)]
    pub async fn take(_: &mut Tx<Hotel>, Kept((room, _)): Kept<(RoomId, Vec<u8>)>) -> Result<(), Retry> {
        if room == RoomId(1) { Ok(()) } else { Err(Retry::new("another room")) }
    }

    #[tcc_cancel(of = hold)]
    pub async fn release(_: &mut Tx<Hotel>, kept: Kept<(RoomId, Vec<u8>)>) -> Result<(), Retry> {
        drop(kept.0);
        Ok(())
    }
}

#[test]
fn a_step_has_the_type_of_its_value() {
    let hotel = hotel::at("http://hotel").unwrap();
    let _: branchwire::SagaStep<RoomId> = hotel.book(&7);
    let _: branchwire::SagaStep<Prices> = hotel.price(&7);
    let _: branchwire::TccBranch<(RoomId, Vec<u8>)> = hotel.hold();
    let pairs: Vec<_> = hotel::ROUTES.iter().map(|route| (route.name, route.of)).collect();
    assert_eq!(pairs[..2], [("cancel", "book"), ("book", "")]);
    let _: axum::Router<Hotel> = hotel::router();
}
