//! Branches that live elsewhere, with the paths that they have there.

use branchwire::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Clone, Database)]
pub struct Bank(sqlx::SqlitePool);

#[derive(Serialize, Deserialize)]
pub struct TransferIn {
    pub amount: i64,
}

mod credits {
    use super::*;

    #[msg_branch("/credits/in")]
    pub async fn trans_in(_: &mut Tx<Bank>, _: TransferIn) -> Result<(), Retry> {
        Ok(())
    }

    #[msg_branch]
    pub async fn ping(_: &mut Tx<Bank>) -> Result<(), Retry> {
        Ok(())
    }

    #[query_prepared("/credits/asked")]
    pub fn asked(db: Bank);

    pub async fn no_branch() {}
}

#[branchwire::service("/bank")]
pub mod bank {
    #[branch]
    pub use super::credits::asked;
    pub use super::credits::no_branch;
    #[branch]
    pub use super::credits::ping as alive;
    #[branch]
    pub use super::credits::trans_in;
}

#[test]
fn they_are_branches_of_the_service() {
    let paths: Vec<_> = bank::ROUTES.iter().map(|route| route.path).collect();
    assert_eq!(paths, ["/credits/asked", "/ping", "/credits/in"]);
    let _: axum::Router<Bank> = bank::router();
    drop(bank::no_branch());
    let bank = bank::at("http://bank").unwrap();
    let _: branchwire::MsgBranch = bank.trans_in(&TransferIn { amount: 1 });
    let _: branchwire::MsgBranch = bank.alive(&());
    let _: branchwire::QueryPrepared<Bank> = bank.asked(&());
}
