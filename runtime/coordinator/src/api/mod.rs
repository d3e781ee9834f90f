//! The HTTP API: DTM's routes, requests and answers.
//!
//! It reads and checks what comes in, asks the runner, and words the answer. It decides nothing about transactions.

mod answer;
mod request;
mod view;

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, QueryRejection};
use axum::extract::{DefaultBodyLimit, Query, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use branchwire::protocol::{BASE_PATH, Gid, Transaction};
use serde::Deserialize;

use self::answer::Refused;
use crate::engine::{Event, Opening};
use crate::runner::Core;

/// The largest body of a request, in bytes.
const BODY_BYTES_MAX: usize = 16 << 20;

type Answered = Result<Response, Refused>;

/// All routes.
pub(crate) fn router(core: Arc<Core>) -> Router {
    let api = Router::new()
        .route("/newGid", get(new_gid))
        .route("/prepare", post(prepare))
        .route("/submit", post(submit))
        .route("/abort", post(abort))
        .route("/query", get(query))
        .route("/version", get(version));
    Router::new()
        .nest(BASE_PATH, api)
        .fallback(no_such_route)
        .method_not_allowed_fallback(no_such_method)
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .with_state(core)
}

async fn no_such_route() -> Refused {
    Refused::not_found("there is no such route")
}

async fn no_such_method() -> Refused {
    Refused::method_not_allowed("this route has no such method")
}

async fn new_gid() -> Response {
    answer::json(&serde_json::json!({ "dtm_result": "SUCCESS", "gid": Gid::random() }))
}

async fn version() -> Response {
    answer::json(&serde_json::json!({ "version": env!("CARGO_PKG_VERSION") }))
}

async fn prepare(State(core): State<Arc<Core>>, body: Result<Bytes, BytesRejection>) -> Answered {
    let transaction: Transaction = request::parse(&body?)?;
    let definition = request::definition(transaction, core.clock.now(), &core.settings.defaults)?;
    core.open(definition, Opening::Prepare).await?;
    Ok(answer::success())
}

async fn submit(State(core): State<Arc<Core>>, body: Result<Bytes, BytesRejection>) -> Answered {
    let transaction: Transaction = request::parse(&body?)?;
    let wait_result = transaction.options.wait_result;
    let definition = request::definition(transaction, core.clock.now(), &core.settings.defaults)?;
    if wait_result {
        return answer::run_end(core.submit_and_wait(definition).await?);
    }
    core.open(definition, Opening::Submit).await?;
    Ok(answer::success())
}

async fn abort(State(core): State<Arc<Core>>, body: Result<Bytes, BytesRejection>) -> Answered {
    let transaction: Transaction = request::parse(&body?)?;
    let reason = request::text("rollback_reason", transaction.rollback_reason)?;
    core.tell(request::known_gid(&transaction.gid)?, Event::Abort { reason }).await?;
    Ok(answer::success())
}

/// The query of routes that name a transaction.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ByGid {
    gid: String,
}

async fn query(State(core): State<Arc<Core>>, parameters: Result<Query<ByGid>, QueryRejection>) -> Answered {
    let gid = parameters?.0.gid;
    if gid.is_empty() {
        return Err(Refused::error("no gid specified"));
    }
    let row = core.store.load(&gid).await?;
    Ok(answer::json(&view::query(row.as_ref())))
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        answer::refused(&self)
    }
}
