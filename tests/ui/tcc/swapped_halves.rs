// The attributes of a try and of its confirm are swapped.

use branchwire::prelude::*;

#[derive(Clone, Database)]
pub struct Seats(sqlx::SqlitePool);

#[derive(serde::Serialize, serde::Deserialize)]
pub struct Reserve {
    pub flight: i64,
}

#[derive(serde::Serialize, serde::Deserialize)]
pub struct Seat(pub i64);

#[branchwire::service("/api/seats")]
pub mod seats {
    use super::*;

    #[tcc_confirm(of = take)]
    pub async fn reserve(_: &mut Tx<Seats>, _: Reserve) -> Result<(), BranchError> {
        Ok(())
    }

    #[tcc_try]
    pub async fn take(_: &mut Tx<Seats>, _: Reserve) -> Result<(), Retry> {
        Ok(())
    }

    #[tcc_cancel(of = take)]
    pub async fn release(_: &mut Tx<Seats>, _: Reserve) -> Result<(), Retry> {
        Ok(())
    }
}

fn main() {}
