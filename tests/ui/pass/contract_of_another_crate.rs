//! Hosting a contract that stands in a crate of its own, which knows Branchwire by another name.

use branchwire::prelude::*;
use branchwire_ui_renamed::{TransferIn, notary};

#[derive(Clone, Database)]
pub struct Bank(sqlx::SqlitePool);

#[branchwire::service(implements = branchwire_ui_renamed::notary)]
pub mod hosted {
    use super::*;

    #[msg_branch]
    pub async fn attest(_: &mut Tx<Bank>, _: TransferIn) -> Result<(), Retry> {
        Ok(())
    }

    #[msg_branch]
    pub async fn seal(_: &mut Tx<Bank>) -> Result<(), Retry> {
        Ok(())
    }
}

#[test]
fn the_paths_are_those_of_the_other_crate() {
    let paths = |routes: &'static [branchwire::Route]| routes.iter().map(|route| route.path);
    assert!(paths(hosted::ROUTES).eq(paths(notary::ROUTES)));
    assert_eq!(hosted::ROUTES[0].path, "/notary/attest");
    let _: axum::Router<Bank> = hosted::router();
    let _ = notary::at("http://notary").unwrap().attest(&TransferIn { amount: 1 });
}
