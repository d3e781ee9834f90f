// A contract whose compensation has no action.

use branchwire::prelude::*;

#[derive(Clone, Database)]
pub struct Hotel(sqlx::SqlitePool);

#[derive(serde::Serialize, serde::Deserialize)]
pub struct Book {
    pub nights: u8,
}

#[derive(serde::Serialize, serde::Deserialize)]
pub struct RoomId(pub i64);

#[branchwire::service("/api/hotel", remote)]
pub mod contract {
    use super::*;

    #[saga_compensate(of = book)]
    pub fn cancel(req: Book);
}

fn main() {}
