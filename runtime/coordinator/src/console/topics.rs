//! Topics and their subscribers.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Query, State};
use axum::response::Response;
use maud::{Markup, html};
use serde::Deserialize;

use super::acts::Done;
use super::page::{Page, Problem, csrf};
use super::session::{Level, Session};
use super::shared::Shared;
use super::words::{escaped, foreign};
use crate::topics;

/// How many topics a page has.
const LIMIT: u32 = 100;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Parameters {
    did: String,
    position: Option<i64>,
}

pub(super) async fn page(
    State(shared): State<Arc<Shared>>,
    Extension(session): Extension<Session>,
    Query(parameters): Query<Parameters>,
) -> Result<Response, Problem> {
    let position = parameters.position.unwrap_or(i64::MAX);
    let topics = topics::list(shared.core.store.as_ref(), position, LIMIT).await?;
    let older = topics.last().filter(|_| topics.len() >= LIMIT as usize).map(|topic| topic.id);
    let acts = session.level == Level::Act;
    let live = html! {
        @if topics.is_empty() { p.calm { "There is no topic. The first subscriber creates one." } }
        @for topic in &topics {
            section.topic {
                h2 { (foreign(&topic.name)) }
                @match &topic.subscribers {
                    Ok(subscribers) if subscribers.is_empty() => { p.quiet { "Nobody has subscribed." } }
                    Ok(subscribers) => {
                        ul {
                            @for it in subscribers {
                                li {
                                    code { (foreign(&it.url)) } " " span.quiet { (foreign(&it.remark)) }
                                    @if acts { (remove(&session, &topic.name, &it.url)) }
                                }
                            }
                        }
                    }
                    Err(_) => { p { "The row of this topic cannot be read." } }
                }
            }
        }
        @if let Some(position) = older { p { a href={ "/console/topics?position=" (escaped(&position.to_string())) } { "More" } } }
    };
    let after = html! { @if acts { (add(&session)) } };
    let said = Done::of(&parameters.did).map(|done| done.says().to_owned()).unwrap_or_default();
    Ok(Page { after, said, ..Page::new("Topics", "/console/topics", live) }.show(&session))
}

fn remove(session: &Session, topic: &str, url: &str) -> Markup {
    html! {
        form.inline method="post" action="/console/unsubscribe" {
            (csrf(session))
            input type="hidden" name="topic" value=(topic);
            input type="hidden" name="url" value=(url);
            button.quiet aria-label={ "Unsubscribe " (url) " from " (topic) } { "Unsubscribe" }
        }
    }
}

fn add(session: &Session) -> Markup {
    html! {
        section aria-labelledby="add" {
            h2 #add { "Subscribe" }
            form.filters method="post" action="/console/subscribe" {
                (csrf(session))
                label { "Topic" input name="topic" required autocomplete="off"; }
                label { "Address" input name="url" type="url" required autocomplete="off"; }
                label { "Remark" input name="remark" autocomplete="off"; }
                button { "Subscribe" }
            }
        }
    }
}
