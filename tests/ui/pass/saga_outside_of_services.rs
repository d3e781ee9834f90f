//! Pairs of free functions, each half in a module of its own, and served by a router that is written by hand.

use axum::Router;
use branchwire::prelude::*;

#[derive(Clone, Database)]
pub struct Bank(sqlx::SqlitePool);

pub mod charging {
    use super::*;

    #[saga_action("/bank/charge")]
    pub async fn charge(_: &mut Tx<Bank>, cents: i64) -> Result<u64, BranchError> {
        u64::try_from(cents).or_refuse("less than nothing")
    }

    /// Without a payload.
    #[saga_action]
    pub async fn lock(_: &mut Tx<Bank>) -> Result<(), BranchError> {
        Ok(())
    }
}

pub mod refunding {
    use super::charging::{charge, lock};
    use super::*;

    #[saga_compensate("/bank/refund", of = charge)]
    pub async fn refund(_: &mut Tx<Bank>, cents: i64, Kept(charged): Kept<u64>) -> Result<(), Retry> {
        if u64::try_from(cents)? == charged { Ok(()) } else { Err(Retry::new("another sum")) }
    }

    #[saga_compensate(of = lock)]
    pub async fn unlock(_: &mut Tx<Bank>) -> Result<(), Retry> {
        Ok(())
    }
}

/// The routes.
pub fn router(bank: Bank) -> Router {
    Router::new()
        .branch::<charging::charge>()
        .branch::<charging::lock>()
        .branch::<refunding::refund>()
        .branch::<refunding::unlock>()
        .with_state(bank)
}

async fn pay(client: &Client) -> Result<SagaDone, Box<dyn std::error::Error + Send + Sync>> {
    let lock = branchwire::at::<charging::lock>("http://bank")?;
    let charge = branchwire::at::<charging::charge>("http://bank")?;
    Ok(client.saga(lock).then(charge.with(&30)).run().await?)
}

#[tokio::test]
async fn their_addresses_are_typed() {
    assert!(pay(&Client::new("http://127.0.0.1:9").unwrap()).await.is_err());
    let _: branchwire::SagaAddress<i64, u64> = branchwire::at::<charging::charge>("http://bank").unwrap();
}
