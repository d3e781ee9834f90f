//! The routes of a service as a snapshot.

use branchwire::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Clone, Database)]
pub struct Bank(sqlx::SqlitePool);

#[derive(Serialize, Deserialize)]
pub struct TransferIn {
    pub amount: i64,
}

#[branchwire::service("/api/bank")]
pub mod bank {
    use super::*;

    /// Credits an account.
    ///
    /// More of it.
    #[msg_branch]
    pub async fn trans_in(_: &mut Tx<Bank>, _: TransferIn) -> Result<(), Retry> {
        Ok(())
    }

    #[doc = "Has it committed?"]
    #[query_prepared("/asked")]
    pub fn transfer_prepared(db: Bank);
}

#[test]
fn a_path_is_a_promise() {
    use branchwire::{Role, Route};

    assert_eq!(
        bank::ROUTES,
        [
            Route {
                name: "trans_in",
                path: "/api/bank/trans-in",
                role: Role::MsgBranch,
                payload: "TransferIn",
                database: "Bank",
                of: "",
                doc: "Credits an account.",
            },
            Route {
                name: "transfer_prepared",
                path: "/api/bank/asked",
                role: Role::QueryPrepared,
                payload: "",
                database: "Bank",
                of: "",
                doc: "Has it committed?",
            },
        ]
    );
}
