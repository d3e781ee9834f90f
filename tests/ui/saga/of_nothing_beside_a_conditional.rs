// `of` names nothing, beside a compensation that is there under a condition only.

use branchwire::prelude::*;

#[derive(Clone, Database)]
pub struct Hotel(sqlx::SqlitePool);

#[branchwire::service("/api/hotel")]
pub mod hotel {
    use super::*;

    #[saga_action]
    pub async fn book(_: &mut Tx<Hotel>) -> Result<(), BranchError> {
        Ok(())
    }

    #[cfg(not(any()))]
    #[saga_compensate(of = book)]
    pub async fn cancel(_: &mut Tx<Hotel>) -> Result<(), Retry> {
        Ok(())
    }

    #[saga_action]
    pub async fn lock(_: &mut Tx<Hotel>) -> Result<(), BranchError> {
        Ok(())
    }

    #[saga_compensate(of = lokc)]
    pub async fn unlock(_: &mut Tx<Hotel>) -> Result<(), Retry> {
        Ok(())
    }
}

fn main() {}
