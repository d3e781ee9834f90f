//! The HTTP API: DTM's routes, requests and answers.
//!
//! It reads and checks what comes in, asks the runner, and words the answer. It decides nothing about transactions.

mod administration;
mod answer;
mod request;
mod rpc;
mod tokens;
mod view;

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, QueryRejection};
use axum::extract::{DefaultBodyLimit, Query, State};
use axum::middleware::from_fn_with_state;
use axum::response::Response;
use axum::routing::{delete, get, post};
use branchwire_protocol::{BASE_PATH, Gid, Transaction};
use serde::Deserialize;

use self::answer::Refused;
pub use self::tokens::{ApiTokens, InvalidTokens};
use crate::engine::{Definition, Event, Opening};
use crate::runner::Core;

/// The largest body of a request, in bytes.
const BODY_BYTES_MAX: usize = 16 << 20;

type Answered = Result<Response, Refused>;
type Body = Result<Bytes, BytesRejection>;
type Parameters<T> = Result<Query<T>, QueryRejection>;

/// All routes: those to look whether the coordinator lives are open, the others ask for one of the tokens, if there are any.
pub(crate) fn router(core: Arc<Core>, tokens: Option<ApiTokens>) -> Router {
    let api = Router::new()
        .route("/newGid", get(new_gid))
        .route("/prepare", post(prepare))
        .route("/submit", post(submit))
        .route("/abort", post(abort))
        .route("/registerBranch", post(register_branch))
        .route("/prepareWorkflow", post(prepare_workflow))
        .route("/query", get(query))
        .route("/version", get(version))
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

async fn new_gid() -> Response {
    answer::json(&serde_json::json!({ "dtm_result": "SUCCESS", "gid": Gid::random() }))
}

async fn version() -> Response {
    answer::json(&serde_json::json!({ "version": env!("CARGO_PKG_VERSION") }))
}

async fn prepare(State(core): State<Arc<Core>>, body: Body) -> Answered {
    do_prepare(&core, request::parse(&body?)?).await?;
    Ok(answer::success())
}

async fn submit(State(core): State<Arc<Core>>, body: Body) -> Answered {
    do_submit(&core, request::parse(&body?)?).await?;
    Ok(answer::success())
}

async fn abort(State(core): State<Arc<Core>>, body: Body) -> Answered {
    do_abort(&core, request::parse(&body?)?).await?;
    Ok(answer::success())
}

async fn do_prepare(core: &Arc<Core>, transaction: Transaction) -> Result<(), Refused> {
    let definition = definition(core, transaction).await?;
    Ok(core.open(definition, Opening::Prepare).await?)
}

async fn do_submit(core: &Arc<Core>, transaction: Transaction) -> Result<(), Refused> {
    let wait_result = transaction.options.wait_result;
    let definition = definition(core, transaction).await?;
    if wait_result {
        answer::run_end(core.submit_and_wait(definition).await?)
    } else {
        Ok(core.open(definition, Opening::Submit).await?)
    }
}

async fn do_abort(core: &Arc<Core>, transaction: Transaction) -> Result<(), Refused> {
    let reason = request::text("rollback_reason", transaction.rollback_reason)?;
    Ok(core.tell(request::known_gid(&transaction.gid)?, Event::Abort { reason }).await?)
}

async fn definition(core: &Arc<Core>, transaction: Transaction) -> Result<Definition, Refused> {
    let topics = request::topics(core.store.as_ref(), &transaction).await?;
    let payload_bytes_max = core.store.payload_bytes_max();
    request::definition(transaction, &topics, payload_bytes_max, core.clock.now(), &core.settings.defaults)
}

/// What `registerBranch` and `prepareWorkflow` carry that matters to their refusal.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct OtherPattern {
    gid: String,
    trans_type: String,
}

/// Branches of tcc and xa: refused, with a text that says so.
async fn register_branch(body: Body) -> Refused {
    match body.map_err(Refused::from).and_then(|body| request::parse::<OtherPattern>(&body)) {
        Ok(branch) => match request::supported(&branch.trans_type) {
            Ok(trans_type) => Refused::error(format!("unknow trans type: {trans_type}")),
            Err(refused) => refused,
        },
        Err(refused) => refused.bad_request(),
    }
}

/// Workflows: refused, with a text that says so.
async fn prepare_workflow(body: Body) -> Refused {
    match body.map_err(Refused::from).and_then(|body| request::parse::<OtherPattern>(&body)) {
        Ok(workflow) if workflow.gid.is_empty() => Refused::error("key required"),
        Ok(_) => Refused::error("trans_type 'workflow' is not supported by this coordinator; msg is"),
        Err(refused) => refused,
    }
}

/// The query of routes that name a transaction.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ByGid {
    gid: String,
}

async fn query(State(core): State<Arc<Core>>, parameters: Parameters<ByGid>) -> Answered {
    let gid = parameters?.0.gid;
    if gid.is_empty() {
        return Err(Refused::error("no gid specified"));
    }
    let row = core.store.load(&gid).await?;
    Ok(answer::json(&view::query(row.as_ref())))
}
