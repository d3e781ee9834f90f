// A call that is not awaited.

#![deny(unused_must_use)]

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

async fn example(client: Client, seats: seats::Remote) {
    let done = client.tcc().run(async |tcc| {
        tcc.call(seats.reserve(&Reserve { flight: 1 }));
        Ok::<_, branchwire::tcc::CallError>(())
    });
    let _ = done.await;
}

fn main() {}
