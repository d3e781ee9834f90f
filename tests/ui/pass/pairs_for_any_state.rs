//! Pairs with extractors, for any state that holds what they need; helpers that are generic.

use std::sync::Arc;

use axum::extract::{FromRef, State};
use axum::http::HeaderMap;
use branchwire::prelude::*;
use branchwire::{Database as AnyDatabase, Holds};
use serde::{Deserialize, Serialize};

#[derive(Clone, Database)]
pub struct Hotel(sqlx::SqlitePool);

#[derive(Clone)]
pub struct Prices(Arc<[i64]>);

#[derive(Serialize, Deserialize)]
pub struct Wish {
    pub room: usize,
}

#[branchwire::service("/api/hotel")]
pub mod hotel {
    use super::*;

    #[saga_action]
    pub async fn book(
        tx: &mut Tx<Hotel>,
        State(prices): State<Prices>,
        headers: HeaderMap,
        wish: Wish,
    ) -> Result<i64, BranchError> {
        let price = *prices.0.get(wish.room).or_refuse("no such room")?;
        note(tx, headers.len()).await?;
        Ok(price)
    }

    #[saga_compensate(of = book)]
    pub async fn cancel(
        tx: &mut Tx<Hotel>,
        context: BranchContext,
        _: Wish,
        Kept(price): Kept<i64>,
    ) -> Result<(), Retry> {
        drop(context);
        note(tx, usize::try_from(price)?).await?;
        Ok(())
    }

    #[tcc_try]
    pub async fn hold(_: &mut Tx<Hotel>, State(_): State<Prices>, _: Wish) -> Result<(), BranchError> {
        Ok(())
    }

    #[tcc_confirm(of = hold)]
    pub async fn take(_: &mut Tx<Hotel>, _: State<Prices>, _: Wish) -> Result<(), Retry> {
        Ok(())
    }

    #[tcc_cancel(of = hold)]
    pub async fn release(_: &mut Tx<Hotel>, _: Wish) -> Result<(), Retry> {
        Ok(())
    }
}

/// For each database on SQLite.
async fn note<D: AnyDatabase<Driver = sqlx::Sqlite>>(tx: &mut Tx<D>, what: usize) -> Result<(), sqlx::Error> {
    sqlx::query("INSERT INTO note VALUES ($1)").bind(what.to_string()).execute(&mut *tx).await?;
    Ok(())
}

/// The routes.
pub fn router<S>() -> axum::Router<S>
where
    S: Holds<Hotel> + Clone + Send + Sync + 'static,
    Prices: FromRef<S>,
{
    hotel::router()
}

#[derive(Clone, FromRef)]
pub struct App {
    hotel: Hotel,
    prices: Prices,
}

/// The routes with their state.
pub fn served(hotel: Hotel) -> axum::Router {
    router().with_state(App { hotel, prices: Prices(Arc::new([50, 70])) })
}
