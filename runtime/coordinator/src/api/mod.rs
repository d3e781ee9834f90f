//! The HTTP API: DTM's routes, requests and responses.
//!
//! It parses and checks requests, passes them to the runner, and builds the responses. It decides nothing about
//! transactions.

mod administration;
mod answer;
mod extract;
mod registration;
mod request;
mod rpc;
mod tokens;
mod transactions;
mod view;

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::from_fn_with_state;
use axum::routing::{delete, get, post};
use branchwire_protocol::BASE_PATH;

use self::answer::Refused;
pub use self::tokens::{ApiTokens, InvalidTokens};
#[cfg(feature = "console")]
use crate::facts::Facts;
use crate::runner::Core;
#[cfg(feature = "console")]
use crate::store::Row;

/// The largest body of a request, in bytes.
const BODY_BYTES_MAX: usize = 16 << 20;

/// A transaction as `query` shows it, as JSON.
#[cfg(feature = "console")]
pub(crate) fn query_json(row: &Row, facts: &Facts) -> String {
    serde_json::to_string_pretty(&view::query(Some(row), &|_| facts.clone())).unwrap_or_default()
}

/// A topic's name, an address and a remark, as `subscribe` accepts them.
///
/// # Errors
/// A sentence about the one that is wrong.
#[cfg(feature = "console")]
pub(crate) fn checked_subscription(
    topic: String,
    url: String,
    remark: String,
) -> Result<(String, String, String), String> {
    let checked =
        || Ok((request::name("topic", topic)?, request::address("url", url)?, request::text("remark", remark)?));
    checked().map_err(|refused: Refused| refused.message().to_owned())
}

/// All routes. The health routes are open; the others require one of the tokens, if there are any.
pub(crate) fn router(core: Arc<Core>, tokens: Option<ApiTokens>) -> Router {
    let api = Router::new()
        .route("/newGid", get(transactions::new_gid))
        .route("/prepare", post(transactions::prepare))
        .route("/submit", post(transactions::submit))
        .route("/abort", post(transactions::abort))
        .route("/registerBranch", post(transactions::register_branch))
        // The paths of old clients.
        .route("/registerTccBranch", post(transactions::register_branch))
        .route("/registerXaBranch", post(transactions::register_branch))
        .route("/prepareWorkflow", post(transactions::prepare_workflow))
        .route("/query", get(transactions::query))
        .route("/version", get(transactions::version))
        .route("/forceStop", post(administration::force_stop))
        .route("/resetNextCronTime", post(administration::reset_next_cron_time))
        .route("/resetCronTime", get(administration::reset_cron_time))
        .route("/all", get(administration::all))
        .route("/subscribe", get(administration::subscribe))
        .route("/unsubscribe", get(administration::unsubscribe))
        .route("/topic/{name}", delete(administration::delete_topic))
        .route("/scanKV", get(administration::scan_kv))
        .route("/queryKV", get(administration::query_kv));
    Router::new()
        .nest(BASE_PATH, api)
        .route("/api/json-rpc", post(rpc::call))
        .route("/api/metrics", get(administration::metrics))
        .route_layer(from_fn_with_state(tokens, tokens::check))
        .route("/api/health", get(administration::health))
        .route("/api/ready", get(administration::ready))
        .fallback(async || Refused::not_found("there is no such route"))
        .method_not_allowed_fallback(async || Refused::method_not_allowed("this route has no such method"))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .with_state(core)
}
