// An action that returns what is not written as JSON.

use branchwire::prelude::*;

#[derive(Clone, Database)]
pub struct Seats(sqlx::SqlitePool);

#[derive(Clone, Database)]
pub struct Hotel(sqlx::SqlitePool);

#[derive(serde::Serialize, serde::Deserialize)]
pub struct Reserve {
    pub flight: i64,
}

#[derive(serde::Serialize, serde::Deserialize)]
pub struct Wish {
    pub stars: u8,
}

#[derive(serde::Serialize, serde::Deserialize)]
pub struct Seat(pub i64);

#[branchwire::service("/api/hotel")]
pub mod hotel {
    use super::*;

    pub struct Secret(pub i64);

    #[saga_action]
    pub async fn book(_: &mut Tx<Hotel>, _: Reserve) -> Result<Secret, BranchError> {
        Ok(Secret(1))
    }

    #[saga_compensate(of = book)]
    pub async fn undo(_: &mut Tx<Hotel>, _: Reserve) -> Result<(), Retry> {
        Ok(())
    }
}

fn main() {}
