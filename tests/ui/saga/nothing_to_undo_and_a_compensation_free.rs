// The same outside of a service.

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

#[saga_action(nothing_to_undo)]
pub async fn book(_: &mut Tx<Hotel>, _: Book) -> Result<(), BranchError> {
    Ok(())
}

#[saga_compensate(of = book)]
pub async fn cancel(_: &mut Tx<Hotel>, _: Book) -> Result<(), Retry> {
    Ok(())
}

fn main() {}
