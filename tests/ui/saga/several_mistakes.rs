// Several mistakes of one service: all of them are reported, in one pass.

use branchwire::prelude::*;

#[derive(Clone, Database)]
pub struct Hotel(sqlx::SqlitePool);

#[derive(serde::Serialize, serde::Deserialize)]
pub struct Book {
    pub nights: u8,
}

#[derive(serde::Serialize, serde::Deserialize)]
pub struct RoomId(pub i64);

#[branchwire::service("/api/hotel")]
pub mod hotel {
    use super::*;

    #[saga_action(nothing_to_udno)]
    pub async fn check(_: &mut Tx<Hotel>, _: Book) -> Result<(), BranchError> {
        Ok(())
    }

    #[saga_action]
    pub async fn book(_: &mut Tx<Hotel>, _: Book) -> Result<RoomId, BranchError> {
        Ok(RoomId(1))
    }

    #[saga_compensate(of = bok)]
    pub async fn cancel(_: &mut Tx<Hotel>, _: &Kept<RoomId>, _: Book) -> Result<(), BranchError> {
        Ok(())
    }
}

fn main() {}
