//! A query-prepared that decides by itself.

use branchwire::prelude::*;

#[derive(Clone, Database)]
pub struct Bank(sqlx::SqlitePool);

#[branchwire::service("/orders")]
pub mod orders {
    use super::*;

    /// Is the order paid?
    #[query_prepared("/paid")]
    pub async fn order_paid(db: &Bank, gid: Gid) -> Result<Prepared, Retry> {
        let paid: Option<i64> =
            sqlx::query_scalar("SELECT 1 FROM orders WHERE gid = ?").bind(gid.as_str()).fetch_optional(&db.0).await?;
        Ok(if paid.is_some() { Prepared::Committed } else { Prepared::RolledBack })
    }
}

#[test]
fn it_is_served() {
    let _: axum::Router<Bank> = orders::router();
    let _: branchwire::QueryPrepared<Bank> = orders::at("http://orders").unwrap().order_paid();
}
