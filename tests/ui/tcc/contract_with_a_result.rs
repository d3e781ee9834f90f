// A contract that writes the whole result of a try.

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
        pub fn reserve(req: super::super::Reserve) -> Result<super::super::Seat, BranchError>;

        #[tcc_confirm(of = reserve)]
        pub fn take(req: super::super::Reserve);

        #[tcc_cancel(of = reserve)]
        pub fn release(req: super::super::Reserve);
    }
}

fn main() {}
