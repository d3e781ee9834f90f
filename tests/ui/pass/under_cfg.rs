//! What a condition leaves out is left out of everything.

use branchwire::prelude::*;

#[derive(Clone, Database)]
pub struct Bank(sqlx::SqlitePool);

#[branchwire::service("/bank")]
pub mod bank {
    use super::*;

    #[msg_branch]
    pub async fn always(_: &mut Tx<Bank>) -> Result<(), Retry> {
        Ok(())
    }

    #[cfg(test)]
    #[msg_branch("/here")]
    pub async fn here(_: &mut Tx<Bank>) -> Result<(), Retry> {
        Ok(())
    }

    #[msg_branch("/here")]
    #[cfg(not(test))]
    pub async fn away(_: &mut Tx<NotThere>, _: NotThere) -> Result<(), Retry> {
        Ok(())
    }

    #[cfg(not(test))]
    #[query_prepared]
    pub fn asked(db: NotThere);

    #[cfg(not(test))]
    #[branch]
    pub use super::nowhere::to_be_found;
}

#[test]
fn the_routes_are_those_that_are_there() {
    let names: Vec<_> = bank::ROUTES.iter().map(|route| route.name).collect();
    assert_eq!(names, ["always", "here"]);
    let _: axum::Router<Bank> = bank::router();
    let _ = bank::at("http://bank").unwrap().here();
}
