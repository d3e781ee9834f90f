// The attributes of an action and of its compensation are swapped.

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

    #[saga_compensate(of = cancel)]
    pub async fn book(_: &mut Tx<Hotel>, _: Book) -> Result<(), BranchError> {
        Ok(())
    }

    #[saga_action]
    pub async fn cancel(_: &mut Tx<Hotel>, _: Book) -> Result<(), Retry> {
        Ok(())
    }
}

fn main() {}
