// `nothing_to_undo` with a typo.

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

    #[saga_action(nothing_to_udno)]
    pub async fn book(_: &mut Tx<Hotel>, _: Book) -> Result<(), BranchError> {
        Ok(())
    }
}

fn main() {}
