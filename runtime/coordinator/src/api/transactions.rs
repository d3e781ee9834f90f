//! The routes for clients.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use branchwire_protocol::{Gid, TransType, Transaction};
use serde::Deserialize;

use super::answer::{self, Refused};
use super::extract::{Answered, Body, ByGid, Parameters};
use super::{request, view};
use crate::engine::{Definition, Event, Opening};
use crate::runner::Core;

pub(super) async fn new_gid() -> Response {
    answer::json(&serde_json::json!({ "dtm_result": "SUCCESS", "gid": Gid::random() }))
}

pub(super) async fn version() -> Response {
    answer::json(&serde_json::json!({ "version": env!("CARGO_PKG_VERSION") }))
}

pub(super) async fn prepare(State(core): State<Arc<Core>>, body: Body) -> Answered {
    do_prepare(&core, request::parse(&body?)?).await?;
    Ok(answer::success())
}

pub(super) async fn submit(State(core): State<Arc<Core>>, body: Body) -> Answered {
    do_submit(&core, request::parse(&body?)?).await?;
    Ok(answer::success())
}

pub(super) async fn abort(State(core): State<Arc<Core>>, body: Body) -> Answered {
    do_abort(&core, request::parse(&body?)?).await?;
    Ok(answer::success())
}

pub(super) async fn do_prepare(core: &Arc<Core>, transaction: Transaction) -> Result<(), Refused> {
    let definition = definition(core, transaction).await?;
    Ok(core.open(definition, Opening::Prepare).await?)
}

pub(super) async fn do_submit(core: &Arc<Core>, transaction: Transaction) -> Result<(), Refused> {
    let wait_result = transaction.options.wait_result;
    let definition = definition(core, transaction).await?;
    if wait_result {
        let trans_type = definition.trans_type;
        answer::run_end(trans_type, core.submit_and_wait(definition).await?)
    } else {
        Ok(core.open(definition, Opening::Submit).await?)
    }
}

pub(super) async fn do_abort(core: &Arc<Core>, transaction: Transaction) -> Result<(), Refused> {
    let reason = request::text("rollback_reason", transaction.rollback_reason)?;
    Ok(core.tell(request::known_gid(&transaction.gid)?, Event::Abort { reason }).await?)
}

async fn definition(core: &Arc<Core>, transaction: Transaction) -> Result<Definition, Refused> {
    let topics = request::topics(core.store.as_ref(), &transaction).await?;
    let payload_bytes_max = core.store.payload_bytes_max();
    request::definition(transaction, &topics, payload_bytes_max, core.clock.now(), &core.settings.defaults)
}

/// The fields of `registerBranch` and `prepareWorkflow` that decide how they are refused.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct OtherPattern {
    gid: String,
    trans_type: String,
}

/// Refuses branches of tcc and xa, with a text that says so.
pub(super) async fn register_branch(body: Body) -> Refused {
    match body.map_err(Refused::from).and_then(|body| request::parse::<OtherPattern>(&body)) {
        Ok(branch) => match request::supported(&branch.trans_type) {
            Ok(trans_type) => Refused::error(format!("unknow trans type: {trans_type}")),
            Err(refused) => refused,
        },
        Err(refused) => refused.bad_request(),
    }
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
    Ok(answer::json(&view::query(row.as_ref())))
}
