// A branch of a message as a step.

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

#[branchwire::service("/api/hotel")]
pub mod hotel {
    use super::*;

    #[msg_branch]
    pub async fn book(_: &mut Tx<Hotel>, _: Book) -> Result<(), Retry> {
        Ok(())
    }
}

async fn send(client: Client, hotel: hotel::Remote) {
    let _ = client.saga(hotel.book(&Book { room: 1 }));
}

fn main() {}
