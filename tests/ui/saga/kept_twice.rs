// A compensation that takes what was kept twice.

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

    #[saga_action]
    pub async fn book(_: &mut Tx<Hotel>, _: Book) -> Result<RoomId, BranchError> {
        Ok(RoomId(1))
    }

    #[saga_compensate(of = book)]
    pub async fn cancel(_: &mut Tx<Hotel>, _: Book, _: Kept<RoomId>, _: Kept<RoomId>) -> Result<(), Retry> {
        Ok(())
    }
}

fn main() {}
