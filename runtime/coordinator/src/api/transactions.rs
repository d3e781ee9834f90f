//! The routes for clients.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use branchwire_protocol::{Gid, TransType, Transaction};
use http::StatusCode;
use serde::Deserialize;

use super::answer::{self, Refused};
use super::extract::{Answered, Body, ByGid, Parameters};
use super::registration::Registration;
use super::{request, view};
use crate::engine::{Definition, Event, NotAllowed, Opening};
use crate::runner::{Core, GidWas, RequestError};
use crate::store::Row;
use crate::traces::RequestSpan;

pub(super) async fn new_gid() -> Response {
    answer::json(&serde_json::json!({ "dtm_result": "SUCCESS", "gid": Gid::random() }))
}

pub(super) async fn version() -> Response {
    answer::json(&serde_json::json!({ "version": env!("CARGO_PKG_VERSION") }))
}

pub(super) async fn prepare(State(core): State<Arc<Core>>, body: Body) -> Answered {
    Ok(answer::accepted(do_prepare(&core, request::parse(&body?)?).await?))
}

pub(super) async fn submit(State(core): State<Arc<Core>>, body: Body) -> Answered {
    Ok(answer::accepted(do_submit(&core, request::parse(&body?)?).await?))
}

pub(super) async fn abort(State(core): State<Arc<Core>>, body: Body) -> Answered {
    do_abort(&core, request::parse(&body?)?).await?;
    Ok(answer::success())
}

pub(super) async fn do_prepare(core: &Arc<Core>, transaction: Transaction) -> Result<GidWas, Refused> {
    let span = core.settings.traces.request("prepare", &transaction);
    ended(span, prepared(core, transaction).await)
}

async fn prepared(core: &Arc<Core>, transaction: Transaction) -> Result<GidWas, Refused> {
    let definition = definition(core, transaction).await?;
    Ok(core.open(definition, Opening::Prepare).await?)
}

pub(super) async fn do_submit(core: &Arc<Core>, transaction: Transaction) -> Result<GidWas, Refused> {
    let span = core.settings.traces.request("submit", &transaction);
    ended(span, submitted(core, transaction).await)
}

async fn submitted(core: &Arc<Core>, transaction: Transaction) -> Result<GidWas, Refused> {
    let wait_result = transaction.options.wait_result;
    let definition = definition(core, transaction).await?;
    if wait_result {
        let (end, was) = core.submit_and_wait(definition).await?;
        answer::run_end(end).map(|()| was)
    } else {
        Ok(core.open(definition, Opening::Submit).await?)
    }
}

pub(super) async fn do_abort(core: &Arc<Core>, transaction: Transaction) -> Result<(), Refused> {
    let span = core.settings.traces.request("abort", &transaction);
    ended(span, aborted(core, transaction).await)
}

async fn aborted(core: &Arc<Core>, transaction: Transaction) -> Result<(), Refused> {
    let reason = request::text("rollback_reason", transaction.rollback_reason)?;
    let gid = request::known_gid(&transaction.gid)?;
    if transaction.options.wait_result {
        answer::abort_end(core.abort_and_wait(gid, reason).await?.end)
    } else {
        Ok(core.tell(gid, Event::Abort { reason }).await?)
    }
}

/// Ends the span of a request with its result.
fn ended<T>(span: RequestSpan, result: Result<T, Refused>) -> Result<T, Refused> {
    span.end(result.as_ref().map_or_else(Refused::status, |_| StatusCode::OK).as_u16());
    result
}

async fn definition(core: &Arc<Core>, transaction: Transaction) -> Result<Definition, Refused> {
    let topics = request::topics(core.store.as_ref(), &transaction).await?;
    let payload_bytes_max = core.store.payload_bytes_max();
    request::definition(transaction, &topics, payload_bytes_max, core.clock.now(), &core.settings.defaults)
}

pub(super) async fn register_branch(State(core): State<Arc<Core>>, body: Body) -> Answered {
    let registration = request::parse(&body?).map_err(Refused::bad_request)?;
    do_register(&core, registration).await?;
    Ok(answer::success())
}

pub(super) async fn do_register(core: &Arc<Core>, registration: Registration) -> Result<(), Refused> {
    let (gid, event) = registration.event(core.store.payload_bytes_max())?;
    match core.tell(gid.clone(), event).await {
        Err(RequestError::NotFound(_)) => Err(NotAllowed::Register(gid).into()),
        told => Ok(told?),
    }
}

/// The field of `prepareWorkflow` that decides how it is refused.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct OtherPattern {
    gid: String,
}

/// Refuses workflows, with a text that says so.
pub(super) async fn prepare_workflow(body: Body) -> Refused {
    match body.map_err(Refused::from).and_then(|body| request::parse::<OtherPattern>(&body)) {
        Ok(workflow) if workflow.gid.is_empty() => Refused::error("key required"),
        Ok(_) => request::not_built(TransType::Workflow),
        Err(refused) => refused,
    }
}

pub(super) async fn query(State(core): State<Arc<Core>>, parameters: Parameters<ByGid>) -> Answered {
    let gid = parameters?.0.gid;
    if gid.is_empty() {
        return Err(Refused::error("no gid specified"));
    }
    let row = core.store.load(&gid).await?;
    // Its client goes by the direction that it reads here.
    if row.as_ref().is_some_and(Row::is_decided) {
        core.store.ensure_durable().await?;
    }
    Ok(answer::json(&view::query(row.as_ref(), &|row| core.facts(row))))
}
