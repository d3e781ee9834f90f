// Routers are given, instead of services.

use branchwire::prelude::*;

#[derive(Clone, Database)]
pub struct Bank(sqlx::SqlitePool);

#[branchwire::service("/bank")]
pub mod bank {
    use super::*;

    #[query_prepared]
    pub fn transfer_prepared(db: Bank);
}

pub fn router() -> axum::Router<Bank> {
    branchwire::services![bank::router()]
}

fn main() {}
