// A function without a role, served.

use branchwire::prelude::*;

#[derive(Clone, Database)]
pub struct Bank(sqlx::SqlitePool);

pub async fn trans_in(_: &mut Tx<Bank>) -> Result<(), Retry> {
    Ok(())
}

fn main() {
    let _ = axum::Router::<Bank>::new().branch::<trans_in>();
}
