// A contract whose action has no compensation.

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
}

fn main() {}
