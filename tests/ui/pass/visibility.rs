//! A service for its crate only, and one for its parent.

use branchwire::prelude::*;

#[derive(Clone, Database)]
pub struct Bank(sqlx::SqlitePool);

#[branchwire::service("/crate")]
pub(crate) mod for_the_crate {
    use super::*;

    #[msg_branch]
    pub(crate) async fn in_the_crate(_: &mut Tx<Bank>) -> Result<(), Retry> {
        Ok(())
    }

    #[msg_branch]
    pub async fn everywhere(_: &mut Tx<Bank>) -> Result<(), Retry> {
        Ok(())
    }
}

#[branchwire::service("/parent")]
mod for_its_parent {
    use super::*;

    #[derive(serde::Serialize, serde::Deserialize)]
    pub(super) struct Private {}

    #[msg_branch]
    pub(super) async fn in_the_parent(_: &mut Tx<Bank>, _: Private) -> Result<(), Retry> {
        Ok(())
    }
}

#[test]
fn they_are_served() {
    let _: axum::Router<Bank> = branchwire::services![for_the_crate, for_its_parent];
    let _ = for_its_parent::at("http://bank").unwrap().in_the_parent(&for_its_parent::Private {});
}
