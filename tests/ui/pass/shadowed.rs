//! The words that generated code needs mean something else here.

use branchwire::prelude::{Database, Gid, Prepared, Retry, Tx, msg_branch, query_prepared};
use serde::{Deserialize, Serialize};

#[derive(Clone, Database)]
pub struct Bank(sqlx::SqlitePool);

#[derive(Serialize, Deserialize)]
pub struct TransferIn {
    pub amount: i64,
}

#[branchwire::service("/bank")]
pub mod bank {
    #![allow(non_camel_case_types)]
    use super::{Bank, Gid, Prepared, Retry, TransferIn, Tx, msg_branch, query_prepared};

    pub struct Box;
    pub struct Clone;
    pub struct Err;
    pub struct Into;
    pub struct Ok;
    pub struct Option;
    pub struct Result;
    pub struct Router;
    pub struct Send;
    pub struct Some;
    pub struct String;
    pub struct Sync;
    pub struct str;
    pub mod branchwire {}
    pub mod core {}
    pub mod std {}

    type Outcome = ::core::result::Result<(), Retry>;

    #[msg_branch]
    pub async fn trans_in(_: &mut Tx<Bank>, _: TransferIn) -> Outcome {
        Outcome::Ok(())
    }

    #[query_prepared]
    pub fn transfer_prepared(db: Bank);

    #[query_prepared]
    pub async fn order_paid(_: &Bank, _: Gid) -> ::core::result::Result<Prepared, Retry> {
        ::core::result::Result::Ok(Prepared::Ongoing)
    }
}

#[test]
fn it_is_served() {
    let _: axum::Router<Bank> = bank::router();
}
