// A host that lacks the try of its contract.

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

    #[tcc_confirm(of = reserve)]
    pub fn take(req: Reserve);

    #[tcc_cancel(of = reserve)]
    pub fn release(req: Reserve);
}

#[branchwire::service(implements = contract)]
pub mod host {
    use super::*;

    #[tcc_confirm(of = reserve)]
    pub async fn take(_: &mut Tx<Seats>, _: Reserve) -> Result<(), Retry> {
        Ok(())
    }

    #[tcc_cancel(of = reserve)]
    pub async fn release(_: &mut Tx<Seats>, _: Reserve) -> Result<(), Retry> {
        Ok(())
    }
}

fn main() {}
