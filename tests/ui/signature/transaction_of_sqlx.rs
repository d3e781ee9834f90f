// A branch takes sqlx's own transaction.

use branchwire::prelude::*;

#[msg_branch]
pub async fn trans_in(_: &mut sqlx::Transaction<'_, sqlx::Sqlite>) -> Result<(), Retry> {
    Ok(())
}

fn main() {}
