// A query-prepared in `tcc.call`.

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

async fn example(client: Client, seats: seats::Remote, asked: QueryPrepared<Seats>) {
    let done = client.tcc().run(async |tcc| tcc.call(asked).await);
    let _ = done.await;
    drop(seats);
}

fn main() {}
