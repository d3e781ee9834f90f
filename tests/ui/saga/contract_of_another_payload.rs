// A contract whose compensation takes another payload.

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
    pub fn cancel(req: Wish);
}

fn main() {}
