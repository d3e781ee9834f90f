// A contract whose try has no confirm.

use branchwire::prelude::*;

#[derive(Clone, Database)]
pub struct Seats(sqlx::SqlitePool);

#[derive(serde::Serialize, serde::Deserialize)]
pub struct Reserve {
    pub flight: i64,
}

#[derive(serde::Serialize, serde::Deserialize)]
pub struct Seat(pub i64);

#[branchwire::service("/api/seats", remote)]
pub mod contract {
    use super::*;

    #[tcc_try]
    pub fn reserve(req: Reserve) -> Seat;

    #[tcc_cancel(of = reserve)]
    pub fn release(req: Reserve);
}

fn main() {}
