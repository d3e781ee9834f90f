// A host that lacks the cancel of its contract.

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

pub mod contracts {
    #[branchwire::service("/api/seats", remote)]
    pub mod seats {
        use branchwire::prelude::*;

        #[tcc_try]
        pub fn reserve(req: super::super::Reserve) -> super::super::Seat;

        #[tcc_confirm(of = reserve)]
        pub fn take(req: super::super::Reserve);

        #[tcc_cancel(of = reserve)]
        pub fn release(req: super::super::Reserve);
    }
}

#[branchwire::service(implements = contracts::seats)]
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
}

fn main() {}
