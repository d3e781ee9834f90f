//! Hosting a contract: its paths, and a query-prepared of the host's own.

use branchwire::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Clone, Database)]
pub struct Bank(sqlx::SqlitePool);

mod contracts {
    use super::*;

    #[derive(Serialize, Deserialize)]
    pub struct TransferIn {
        pub amount: i64,
    }

    #[branchwire::service("/api/bank", remote)]
    pub mod bank {
        use super::*;

        #[msg_branch("/in")]
        pub fn trans_in(req: TransferIn);

        #[msg_branch]
        pub fn ping();

        #[cfg(any())]
        #[msg_branch]
        pub fn later();
    }
}

#[branchwire::service(implements = contracts::bank)]
pub mod bank {
    use super::*;

    #[msg_branch]
    pub async fn ping(_: &mut Tx<Bank>) -> Result<(), Retry> {
        Ok(())
    }

    #[msg_branch]
    pub async fn trans_in(_: &mut Tx<Bank>, req: contracts::TransferIn) -> Result<(), Retry> {
        let _ = req;
        Ok(())
    }

    #[query_prepared]
    pub fn transfer_prepared(db: Bank);

    #[cfg(any())]
    #[msg_branch]
    pub async fn later(_: &mut Tx<Bank>) -> Result<(), Retry> {
        Ok(())
    }
}

#[test]
fn the_paths_are_those_of_the_contract() {
    let paths: Vec<_> = bank::ROUTES.iter().map(|route| route.path).collect();
    assert_eq!(paths, ["/api/bank/ping", "/api/bank/in", "/api/bank/transfer-prepared"]);
    let _: axum::Router<Bank> = bank::router();
    let _ = bank::at("http://bank").unwrap().transfer_prepared();
}
