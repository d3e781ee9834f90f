// A type that is no branch is put into a router.

use branchwire::prelude::*;

#[derive(Clone, Database)]
pub struct BankA(sqlx::SqlitePool);

fn router() -> axum::Router<BankA> {
    axum::Router::new().branch::<BankA>()
}

fn main() {}
