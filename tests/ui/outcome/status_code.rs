// A branch returns an HTTP status.

use branchwire::prelude::*;

#[derive(Clone, Database)]
pub struct Bank(sqlx::SqlitePool);

#[msg_branch]
pub async fn trans_in(_: &mut Tx<Bank>) -> axum::http::StatusCode {
    axum::http::StatusCode::OK
}

fn main() {}
