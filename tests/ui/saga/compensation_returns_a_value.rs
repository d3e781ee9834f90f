// A compensation that returns a value.

use branchwire::prelude::*;

#[derive(Clone, Database)]
pub struct Hotel(sqlx::SqlitePool);

#[derive(Clone, Database)]
pub struct Airline(sqlx::SqlitePool);

#[derive(serde::Serialize, serde::Deserialize)]
pub struct Book {
    pub room: i64,
}

#[derive(serde::Serialize, serde::Deserialize)]
pub struct Wish {
    pub stars: u8,
}

#[branchwire::service("/api/hotel")]
pub mod hotel {
    use super::*;

    #[saga_action]
    pub async fn book(_: &mut Tx<Hotel>, _: Book) -> Result<(), BranchError> {
        Ok(())
    }

    #[saga_compensate(of = book)]
    pub async fn cancel(_: &mut Tx<Hotel>, _: Book) -> Result<i64, Retry> {
        Ok(1)
    }
}

fn main() {}
