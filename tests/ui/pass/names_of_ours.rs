//! Branches with the names that generated code has for its own.

use branchwire::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Clone, Database)]
pub struct Bank(sqlx::SqlitePool);

#[derive(Serialize, Deserialize)]
pub struct TransferIn {
    pub amount: i64,
}

macro_rules! branches {
    ($($name:ident)*) => {
        $(
            #[msg_branch]
            async fn $name(_: &mut Tx<Bank>, _: BranchContext, _: TransferIn) -> Result<(), Retry> {
                Ok(())
            }
        )*

        #[test]
        fn they_are_served() {
            let _: axum::Router<Bank> = axum::Router::new()$(.branch::<$name>())*;
        }
    };
}

branches!(tx payload router branch read run extractor0 extractor1 service state register ask query_prepared_ site url);

#[branchwire::service("/bank")]
pub mod bank {
    use super::*;

    #[msg_branch]
    pub async fn clone(_: &mut Tx<Bank>, _: TransferIn) -> Result<(), Retry> {
        Ok(())
    }

    #[msg_branch]
    pub async fn payload(_: &mut Tx<Bank>) -> Result<(), Retry> {
        Ok(())
    }

    #[msg_branch]
    pub async fn url(_: &mut Tx<Bank>) -> Result<(), Retry> {
        Ok(())
    }

    #[msg_branch]
    pub async fn service(_: &mut Tx<Bank>) -> Result<(), Retry> {
        Ok(())
    }
}

#[test]
fn a_service_has_them_as_well() {
    let _: axum::Router<Bank> = bank::router();
    let bank = bank::at("http://bank").unwrap();
    let _ = (bank.clone(&TransferIn { amount: 1 }), bank.payload(), bank.url(), bank.service());
}
