// Another database as the state.

use branchwire::prelude::*;

#[derive(Clone, Database)]
pub struct Bank(sqlx::SqlitePool);

#[derive(Clone, Database)]
pub struct Orders(sqlx::SqlitePool);

#[msg_branch]
pub async fn bonus(_tx: &mut Tx<Bank>) -> Result<(), Retry> {
    Ok(())
}

fn main() {
    let _ = axum::Router::<Orders>::new().branch::<bonus>();
}
