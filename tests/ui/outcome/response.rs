// A branch returns whatever axum can answer with.

use branchwire::prelude::*;

#[derive(Clone, Database)]
pub struct Bank(sqlx::SqlitePool);

#[msg_branch]
pub async fn trans_in(_: &mut Tx<Bank>) -> impl axum::response::IntoResponse {
    "done"
}

fn main() {}
