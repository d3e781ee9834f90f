// A branch takes the whole request.

use branchwire::prelude::*;

#[derive(Clone, Database)]
pub struct Bank(sqlx::SqlitePool);

#[msg_branch]
pub async fn trans_in(_: &mut Tx<Bank>, _: axum::extract::Request) -> Result<(), Retry> {
    Ok(())
}

fn main() {}
