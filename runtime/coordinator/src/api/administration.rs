//! The routes for administrators and their tools.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use http::header::CONTENT_TYPE;
use serde::Deserialize;

use super::answer::{self, Refused};
use super::extract::{Answered, Body, ByGid, Parameters};
use super::{request, view};
use crate::engine::{Event, Time};
use crate::runner::Core;
use crate::store::{Attention, Filter, UnknownAttention};
use crate::topics::{self, Subscriber};

/// How many rows a response has, by default and at most.
const LIMIT: u32 = 100;
const LIMIT_MAX: u32 = 1_000;

pub(super) async fn force_stop(State(core): State<Arc<Core>>, body: Body) -> Answered {
    let ByGid { gid } = request::parse(&body?)?;
    core.tell(request::known_gid(&gid)?, Event::ForceStop).await?;
    Ok(answer::success())
}

pub(super) async fn reset_next_cron_time(State(core): State<Arc<Core>>, body: Body) -> Answered {
    let ByGid { gid } = request::parse(&body?)?;
    core.tell(request::known_gid(&gid)?, Event::ResetNextCronTime).await?;
    Ok(answer::success())
}

#[derive(Debug, Deserialize)]
pub(super) struct ResetCronTime {
    /// In seconds; transactions that are due later than this become due now.
    timeout: Option<u64>,
    limit: Option<u32>,
}

pub(super) async fn reset_cron_time(State(core): State<Arc<Core>>, parameters: Parameters<ResetCronTime>) -> Answered {
    let ResetCronTime { timeout, limit } = parameters?.0;
    let timeout = timeout.map_or(core.settings.defaults.timeout_to_fail, Duration::from_secs);
    let done = core.reset_due(timeout, limit_of(limit)).await?;
    Ok(answer::json(&serde_json::json!({
        "has_remaining": done.has_remaining,
        "succeed_count": done.succeed_count,
    })))
}

/// The query of `all`; times in milliseconds since the Unix epoch.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct All {
    gid: String,
    status: String,
    trans_type: String,
    create_time_start: String,
    create_time_end: String,
    /// Ours: `unfinished`, `parked`, `overdue` or `retried`.
    attention: String,
    position: String,
    limit: Option<u32>,
}

pub(super) async fn all(State(core): State<Arc<Core>>, parameters: Parameters<All>) -> Answered {
    let all = parameters?.0;
    let limit = limit_of(all.limit);
    let filter = Filter {
        gid: all.gid,
        status: all.status,
        trans_type: all.trans_type,
        created_from: number("createTimeStart", &all.create_time_start)?.map(Time::from_millis),
        created_to: number("createTimeEnd", &all.create_time_end)?.map(Time::from_millis),
        attention: attention(&all.attention)?.map(|attention| (attention, core.clock.now())),
        position: number("position", &all.position)?,
        limit,
    };
    let rows = core.store.list(&filter).await?;
    Ok(answer::json(&view::all(&rows, limit, &|row| core.facts(row))))
}

fn attention(word: &str) -> Result<Option<Attention>, Refused> {
    match word {
        "" => Ok(None),
        word => word.parse().map(Some).map_err(|UnknownAttention| {
            Refused::error(format!("attention: '{word}' is none of unfinished, parked, overdue, retried"))
        }),
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Subscription {
    topic: String,
    url: String,
    remark: String,
}

impl Subscription {
    fn check(self) -> Result<Self, Refused> {
        if self.topic.is_empty() {
            return Err(Refused::error("empty topic"));
        }
        if self.url.is_empty() {
            return Err(Refused::error("empty url"));
        }
        Ok(self)
    }
}

pub(super) async fn subscribe(State(core): State<Arc<Core>>, parameters: Parameters<Subscription>) -> Answered {
    let Subscription { topic, url, remark } = parameters?.0.check()?;
    let topic = request::name("topic", topic)?;
    let subscriber = Subscriber { url: request::address("url", url)?, remark: request::text("remark", remark)? };
    topics::subscribe(core.store.as_ref(), &topic, subscriber, core.clock.now()).await?;
    Ok(answer::success())
}

pub(super) async fn unsubscribe(State(core): State<Arc<Core>>, parameters: Parameters<Subscription>) -> Answered {
    let Subscription { topic, url, .. } = parameters?.0.check()?;
    topics::unsubscribe(core.store.as_ref(), &request::name("topic", topic)?, &url, core.clock.now()).await?;
    Ok(answer::success())
}

pub(super) async fn delete_topic(
    State(core): State<Arc<Core>>,
    topic: Result<Path<String>, PathRejection>,
) -> Answered {
    let Path(topic) = topic.map_err(|rejection| Refused::error(rejection.body_text()))?;
    topics::delete(core.store.as_ref(), &request::name("topic", topic)?, core.clock.now()).await?;
    Ok(answer::success())
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Kv {
    cat: String,
    key: String,
    position: String,
    limit: Option<u32>,
}

pub(super) async fn query_kv(State(core): State<Arc<Core>>, parameters: Parameters<Kv>) -> Answered {
    let Kv { cat, key, .. } = parameters?.0;
    let row = core.store.kv_get(&cat, &key).await?;
    Ok(answer::json(&view::query_kv(row.as_slice())))
}

pub(super) async fn scan_kv(State(core): State<Arc<Core>>, parameters: Parameters<Kv>) -> Answered {
    let Kv { cat, position, limit, .. } = parameters?.0;
    let position = number("position", &position)?.unwrap_or(i64::MAX);
    let limit = limit_of(limit);
    let rows = core.store.kv_scan(&cat, position, limit).await?;
    Ok(answer::json(&view::scan_kv(&rows, limit)))
}

/// Metrics in Prometheus' text format.
pub(super) async fn metrics(State(core): State<Arc<Core>>) -> Answered {
    let text = core.metrics_text().await.map_err(|error| Refused::error(error.to_string()))?;
    Ok(([(CONTENT_TYPE, "application/openmetrics-text; version=1.0.0; charset=utf-8")], text).into_response())
}

/// The process answers.
pub(super) async fn health() -> Response {
    answer::json(&serde_json::json!({ "status": "up" }))
}

/// The process can do its work: the store answers, and it is not about to stop.
pub(super) async fn ready(State(core): State<Arc<Core>>) -> Answered {
    core.ready().await.map_err(|error| Refused::busy(error.to_string()))?;
    Ok(answer::json(&serde_json::json!({ "status": "ready" })))
}

fn limit_of(limit: Option<u32>) -> u32 {
    limit.unwrap_or(LIMIT).clamp(1, LIMIT_MAX)
}

fn number(name: &str, text: &str) -> Result<Option<i64>, Refused> {
    if text.is_empty() {
        return Ok(None);
    }
    text.parse().map(Some).map_err(|_| Refused::error(format!("{name}: '{text}' is not a number")))
}
