//! Payloads that have the names of extractors, and of other things that a branch takes.

use branchwire::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Clone, Database)]
pub struct Bank(sqlx::SqlitePool);

#[derive(Serialize, Deserialize)]
pub struct Query {
    pub amount: i64,
}

#[derive(Serialize, Deserialize)]
pub struct Path<Step>(pub Vec<Step>);

pub mod ledger {
    #[derive(serde::Serialize, serde::Deserialize)]
    pub struct Tx {
        pub amount: i64,
    }
}

#[branchwire::service("/named")]
pub mod named {
    use super::*;

    #[msg_branch(payload = Query)]
    pub async fn query(_: &mut Tx<Bank>, req: Query) -> Result<(), Retry> {
        let _ = req.amount;
        Ok(())
    }

    #[msg_branch("/with-a-context", payload = super::Query)]
    pub async fn with_a_context(_: &mut Tx<Bank>, _: BranchContext, _: super::Query) -> Result<(), Retry> {
        Ok(())
    }

    #[msg_branch(payload = Path<(i64, i64)>)]
    pub async fn path(_: &mut Tx<Bank>, Path(steps): Path<(i64, i64)>) -> Result<(), Retry> {
        let _ = steps;
        Ok(())
    }

    #[msg_branch(payload = ledger::Tx)]
    pub async fn posting(tx: &mut Tx<Bank>, req: ledger::Tx) -> Result<(), Retry> {
        let _ = (tx, req.amount);
        Ok(())
    }
}

#[branchwire::service("/named", remote)]
pub mod elsewhere {
    use super::*;

    #[msg_branch]
    pub fn query(req: Query);

    #[msg_branch(payload = ledger::Tx)]
    pub fn posting(req: ledger::Tx);
}

#[test]
fn they_are_served_and_sent() {
    let _: axum::Router<Bank> = named::router();
    let named = named::at("http://bank").unwrap();
    let req = Query { amount: 1 };
    let _ = (named.query(&req), named.with_a_context(&req), named.path(&Path(vec![(1, 2)])));
    let _ = named.posting(&ledger::Tx { amount: 1 });
    let elsewhere = elsewhere::at("http://bank").unwrap();
    let _ = (elsewhere.query(&req), elsewhere.posting(&ledger::Tx { amount: 1 }));
}
