// A host whose function has another role than its contract says.

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

    #[msg_branch]
    pub fn welcome(req: Book);
}

#[branchwire::service(implements = contract)]
pub mod host {
    use super::*;

    #[saga_action(nothing_to_undo)]
    pub async fn welcome(_: &mut Tx<Hotel>, _: Book) -> Result<(), BranchError> {
        Ok(())
    }
}

fn main() {}
