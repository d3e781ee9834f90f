// A message's branch that takes what was kept.

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

    #[saga_action]
    pub async fn book(_: &mut Tx<Hotel>, _: Reserve) -> Result<Seat, BranchError> {
        Ok(Seat(1))
    }

    #[saga_compensate(of = book)]
    pub async fn undo(_: &mut Tx<Hotel>, _: Reserve, _: Kept<Seat>) -> Result<(), Retry> {
        Ok(())
    }

    #[msg_branch]
    pub async fn tell(_: &mut Tx<Hotel>, _: Reserve, _: Kept<Seat>) -> Result<(), Retry> {
        Ok(())
    }
}

fn main() {}
