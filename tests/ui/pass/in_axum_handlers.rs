//! Messages sent by handlers of axum, whose futures go from thread to thread.

use axum::Router;
use axum::extract::{FromRef, State};
use axum::http::StatusCode;
use axum::routing::post;
use branchwire::MsgBranch;
use branchwire::prelude::*;

/// The accounts.
#[derive(Clone, Database)]
pub struct Bank(sqlx::SqlitePool);

/// Asks the barrier.
#[query_prepared]
pub fn transfer_prepared(db: Bank);

/// What the service holds.
#[derive(Clone, FromRef)]
pub struct AppState {
    bank: Bank,
    client: Client,
}

async fn debit(tx: &mut Tx<Bank>, amount: i64) -> Result<(), sqlx::Error> {
    sqlx::query("UPDATE user_account SET balance = balance - ?").bind(amount).execute(&mut *tx).await?;
    Ok(())
}

async fn transfer(
    State(client): State<Client>,
    State(bank): State<Bank>,
    axum::Json(amount): axum::Json<i64>,
) -> Result<StatusCode, StatusCode> {
    let asked = branchwire::at::<transfer_prepared>("http://bank-a:8080").map_err(|_| StatusCode::BAD_GATEWAY)?;
    let done = client
        .msg(MsgBranch::topic("transfers", &amount))
        .do_and_submit(asked, &bank, async |tx| debit(tx, amount).await)
        .await;
    match done {
        Ok(_) => Ok(StatusCode::ACCEPTED),
        Err(NotDone::RolledBack(_)) => Err(StatusCode::CONFLICT),
        Err(_) => Err(StatusCode::SERVICE_UNAVAILABLE),
    }
}

async fn transfer_at_a_strict_level(
    State(client): State<Client>,
    State(bank): State<Bank>,
    axum::Json(name): axum::Json<String>,
) -> Result<StatusCode, StatusCode> {
    let asked = branchwire::at::<transfer_prepared>("http://bank-a:8080").map_err(|_| StatusCode::BAD_GATEWAY)?;
    let amount = async |tx: &mut Tx<Bank>| debit(tx, i64::try_from(name.len()).unwrap_or(0)).await;
    let message = client.msg(MsgBranch::topic("transfers", &1));
    match message.do_and_submit_with_retries(asked, &bank, amount).await {
        Ok(_) => Ok(StatusCode::ACCEPTED),
        Err(_) => Err(StatusCode::SERVICE_UNAVAILABLE),
    }
}

/// The routes.
pub fn router(state: AppState) -> Router {
    Router::new()
        .route("/strict", post(transfer_at_a_strict_level))
        .route("/transfer", post(transfer))
        .branch::<transfer_prepared>()
        .with_state(state)
}
