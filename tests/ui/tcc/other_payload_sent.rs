// Another payload than the try takes.

use branchwire::prelude::*;

#[derive(Clone, Database)]
pub struct Seats(sqlx::SqlitePool);

#[derive(Clone, Database)]
pub struct Hotel(sqlx::SqlitePool);

#[derive(serde::Serialize, serde::Deserialize)]
pub struct Reserve {
    pub flight: i64,
}

#[derive(serde::Serialize, serde::Deserialize)]
pub struct Wish {
    pub stars: u8,
}

#[derive(serde::Serialize, serde::Deserialize)]
pub struct Seat(pub i64);

#[branchwire::service("/api/seats")]
pub mod seats {
    use super::*;

    #[tcc_try]
    pub async fn reserve(_: &mut Tx<Seats>, _: Reserve) -> Result<Seat, BranchError> {
        Ok(Seat(1))
    }

    #[tcc_confirm(of = reserve)]
    pub async fn take(_: &mut Tx<Seats>, _: Reserve) -> Result<(), Retry> {
        Ok(())
    }

    #[tcc_cancel(of = reserve)]
    pub async fn release(_: &mut Tx<Seats>, _: Reserve) -> Result<(), Retry> {
        Ok(())
    }
}

async fn example(client: Client, seats: seats::Remote, other: branchwire::MsgBranch, step: branchwire::SagaStep) {
    drop((seats.reserve(&Wish { stars: 1 }), client, other, step));
}

fn main() {}
