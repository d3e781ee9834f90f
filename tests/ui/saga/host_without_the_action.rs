// A host that lacks the action of its contract.

use branchwire::prelude::*;

#[derive(Clone, Database)]
pub struct Hotel(sqlx::SqlitePool);

#[derive(serde::Serialize, serde::Deserialize)]
pub struct Book {
    pub nights: u8,
}

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

    #[saga_compensate(of = book)]
    pub async fn cancel(_: &mut Tx<Hotel>, _: Book) -> Result<(), Retry> {
        Ok(())
    }
}

fn main() {}
