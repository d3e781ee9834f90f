// A branch is awaited, instead of sent.

use branchwire::prelude::*;

#[derive(Clone, Database)]
pub struct Bank(sqlx::SqlitePool);

#[msg_branch]
pub async fn trans_in(_: &mut Tx<Bank>) -> Result<(), Retry> {
    Ok(())
}

pub async fn send() -> Result<(), Box<dyn std::error::Error>> {
    branchwire::at::<trans_in>("http://bank-b:8080")?.await;
    Ok(())
}

fn main() {}
