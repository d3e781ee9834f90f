// Each of two actions has the compensation of the other one.

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

    #[saga_action]
    pub async fn order_breakfast(_: &mut Tx<Hotel>, _: Book) -> Result<(), BranchError> {
        Ok(())
    }

    #[saga_compensate(of = order_breakfast)]
    pub async fn cancel(_: &mut Tx<Hotel>, _: Book, Kept(_): Kept<RoomId>) -> Result<(), Retry> {
        Ok(())
    }

    #[saga_compensate(of = book)]
    pub async fn order_no_breakfast(_: &mut Tx<Hotel>, _: Book) -> Result<(), Retry> {
        Ok(())
    }
}

fn main() {}
