// A host whose action returns a value that its contract does not name.

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

    #[saga_action]
    pub fn book(req: Book);

    #[saga_compensate(of = book)]
    pub fn cancel(req: Book);
}

#[branchwire::service(implements = contract)]
pub mod host {
    use super::*;

    #[saga_action]
    pub async fn book(_: &mut Tx<Hotel>, _: Book) -> Result<RoomId, BranchError> {
        Ok(RoomId(1))
    }

    #[saga_compensate(of = book)]
    pub async fn cancel(_: &mut Tx<Hotel>, _: Book, _: Kept<RoomId>) -> Result<(), Retry> {
        Ok(())
    }
}

fn main() {}
