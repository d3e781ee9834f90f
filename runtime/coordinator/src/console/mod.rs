//! The console: pages at `/console` that answer why a transaction waits, since when, and what can be done.
//!
//! The pages are made here, work without JavaScript, and load nothing from other hosts. All text from outside goes
//! through the macro that escapes it. Whether a request may pass is decided in `access`, for all pages at once.

mod access;
mod acts;
mod assets;
mod audit;
mod coordinators;
mod failing;
mod live;
mod login;
mod options;
mod overview;
mod page;
#[cfg(test)]
mod palette;
mod plots;
mod samples;
mod sampling;
mod session;
mod settings;
mod shared;
mod timeline;
mod topics;
mod transaction;
mod transactions;
mod tree;
mod words;

use std::sync::Arc;

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};

pub use self::options::{Console, InvalidTemplate, Setting};
use self::shared::Shared;
use crate::api::ApiTokens;
use crate::runner::Core;

/// The routes of the console. Whoever has one of `tokens` may act; `options` has those who may look.
pub(crate) fn router(core: Arc<Core>, tokens: Option<ApiTokens>, options: Console) -> Router {
    let shared = Arc::new(Shared::new(core, tokens, options));
    sampling::start(&shared);
    Router::new()
        .route("/console", get(overview::page))
        .route("/console/transactions", get(transactions::page))
        .route("/console/transaction", get(transaction::page))
        .route("/console/transaction.json", get(transaction::json))
        .route("/console/topics", get(topics::page))
        .route("/console/coordinators", get(coordinators::page))
        .route("/console/settings", get(settings::page))
        .route("/console/live/overview", get(overview::live))
        .route("/console/live/transactions", get(transactions::live))
        .route("/console/live/transaction", get(transaction::live))
        .route("/console/live/coordinators", get(coordinators::live))
        .route("/console/call", post(acts::call_now))
        .route("/console/roll-back", post(acts::roll_back))
        .route("/console/stop", post(acts::stop))
        .route("/console/subscribe", post(acts::subscribe))
        .route("/console/unsubscribe", post(acts::unsubscribe))
        .route("/console/login", get(login::page).post(login::log_in))
        .route("/console/logout", post(login::log_out))
        .route("/console/style.css", get(assets::style))
        .route("/console/script.js", get(assets::script))
        .route_layer(from_fn_with_state(shared.clone(), access::guard))
        .with_state(shared)
}
