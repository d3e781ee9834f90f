//! Other attributes stay with the function.

use branchwire::prelude::*;

#[derive(Clone, Database)]
pub struct Bank(sqlx::SqlitePool);

#[branchwire::service("/bank")]
pub mod bank {
    use super::*;

    #[tracing::instrument(skip_all, err)]
    #[msg_branch]
    #[inline]
    pub async fn above(_: &mut Tx<Bank>) -> Result<(), Retry> {
        Ok(())
    }

    #[msg_branch]
    #[tracing::instrument(skip_all)]
    #[allow(clippy::unnecessary_wraps)]
    pub async fn below(_: &mut Tx<Bank>) -> Result<(), Retry> {
        Ok(())
    }

    #[tracing::instrument]
    #[inline]
    pub fn no_branch() {}
}

#[msg_branch]
#[tracing::instrument(skip_all)]
async fn alone(_: &mut Tx<Bank>) -> Result<(), Retry> {
    Ok(())
}

#[test]
fn they_are_served() {
    bank::no_branch();
    let _ = bank::router().branch::<alone>() as axum::Router<Bank>;
}
