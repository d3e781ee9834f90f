// A host that lacks the compensation of its contract, and whose action does not say that there is nothing to undo.

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

#[branchwire::service("/api/hotel", remote)]
pub mod contract {
    use super::*;

    #[saga_action]
    pub fn book(req: Book);

    #[saga_compensate(of = book)]
    pub fn cancel(req: Book);
}

#[branchwire::service(implements = contract)]
pub mod hotel {
    use super::*;

    #[saga_action]
    pub async fn book(_: &mut Tx<Hotel>, _: Book) -> Result<(), BranchError> {
        Ok(())
    }
}

fn main() {}
