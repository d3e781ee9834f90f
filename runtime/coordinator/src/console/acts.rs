//! What can be done by hand. Each act is a POST, and a line in the audit log.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use axum::{Extension, Form};
use branchwire_protocol::Gid;
use http::{HeaderMap, StatusCode};
use serde::Deserialize;

use super::page::Problem;
use super::session::Session;
use super::shared::Shared;
use super::words::escaped;
use crate::engine::Event;
use crate::topics::{self, Subscriber};

/// An act that was done, with the sentence about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Done {
    CalledNow,
    RolledBack,
    Stopped,
    Subscribed,
    Unsubscribed,
}

impl Done {
    const ALL: [Self; 5] = [Self::CalledNow, Self::RolledBack, Self::Stopped, Self::Subscribed, Self::Unsubscribed];

    /// The act with this word.
    pub(super) fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|done| done.word() == word)
    }

    const fn word(self) -> &'static str {
        match self {
            Self::CalledNow => "call-now",
            Self::RolledBack => "roll-back",
            Self::Stopped => "force-stop",
            Self::Subscribed => "subscribe",
            Self::Unsubscribed => "unsubscribe",
        }
    }

    pub(super) const fn says(self) -> &'static str {
        match self {
            Self::CalledNow => "It is due now, and is being called.",
            Self::RolledBack => "It is being rolled back.",
            Self::Stopped => "It was stopped.",
            Self::Subscribed => "The subscriber was added.",
            Self::Unsubscribed => "The subscriber was removed.",
        }
    }
}

#[derive(Debug, Deserialize)]
pub(super) struct ByGid {
    gid: String,
    #[serde(default)]
    typed: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct Subscription {
    topic: String,
    url: String,
    #[serde(default)]
    remark: String,
}

/// Whether the page stays, because its script sent the form.
fn stays(headers: &HeaderMap) -> bool {
    headers.contains_key("x-stay")
}

pub(super) async fn call_now(
    State(shared): State<Arc<Shared>>,
    Extension(session): Extension<Session>,
    headers: HeaderMap,
    Form(of): Form<ByGid>,
) -> Response {
    tell(&shared, &session, &headers, &of.gid, Event::ResetNextCronTime, Done::CalledNow).await
}

pub(super) async fn roll_back(
    State(shared): State<Arc<Shared>>,
    Extension(session): Extension<Session>,
    headers: HeaderMap,
    Form(of): Form<ByGid>,
) -> Response {
    let event = Event::Abort { reason: "rolled back by hand, in the console".to_owned() };
    tell(&shared, &session, &headers, &of.gid, event, Done::RolledBack).await
}

pub(super) async fn stop(
    State(shared): State<Arc<Shared>>,
    Extension(session): Extension<Session>,
    headers: HeaderMap,
    Form(of): Form<ByGid>,
) -> Response {
    if of.typed.trim() != of.gid {
        let problem = Problem::new(StatusCode::CONFLICT, "Nothing was done: the typed gid is another one.");
        return ended(&shared, &session, &headers, (Done::Stopped, &of.gid), Err(problem));
    }
    tell(&shared, &session, &headers, &of.gid, Event::ForceStop, Done::Stopped).await
}

async fn tell(
    shared: &Arc<Shared>,
    session: &Session,
    headers: &HeaderMap,
    gid: &str,
    event: Event,
    done: Done,
) -> Response {
    let outcome = match Gid::new(gid) {
        Ok(known) => shared.core.tell(known, event).await.map_err(Problem::from),
        Err(_) => Err(Problem::new(StatusCode::NOT_FOUND, "There is no transaction with this gid.")),
    };
    ended(shared, session, headers, (done, gid), outcome)
}

pub(super) async fn subscribe(
    State(shared): State<Arc<Shared>>,
    Extension(session): Extension<Session>,
    headers: HeaderMap,
    Form(Subscription { topic, url, remark }): Form<Subscription>,
) -> Response {
    let outcome = match crate::api::checked_subscription(topic.clone(), url, remark) {
        Ok((name, url, remark)) => {
            let subscriber = Subscriber { url, remark };
            let now = shared.core.clock.now();
            topics::subscribe(shared.core.store.as_ref(), &name, subscriber, now).await.map_err(Problem::from)
        }
        Err(text) => Err(Problem::new(StatusCode::BAD_REQUEST, text)),
    };
    ended(&shared, &session, &headers, (Done::Subscribed, &topic), outcome)
}

pub(super) async fn unsubscribe(
    State(shared): State<Arc<Shared>>,
    Extension(session): Extension<Session>,
    headers: HeaderMap,
    Form(Subscription { topic, url, .. }): Form<Subscription>,
) -> Response {
    let now = shared.core.clock.now();
    let outcome = topics::unsubscribe(shared.core.store.as_ref(), &topic, &url, now).await.map_err(Problem::from);
    ended(&shared, &session, &headers, (Done::Unsubscribed, &topic), outcome)
}

/// Notes what was done, and says it: to the script as text, or on the page that the browser loads next.
fn ended(
    shared: &Shared,
    session: &Session,
    headers: &HeaderMap,
    (done, of): (Done, &str),
    outcome: Result<(), Problem>,
) -> Response {
    let text = outcome.as_ref().map_or_else(Problem::text, |()| "done");
    shared.audit.note(shared.now(), &session.who, done.word(), of, text);
    let (page, mark) = match done {
        Done::Subscribed | Done::Unsubscribed => ("/console/topics".to_owned(), '?'),
        Done::CalledNow | Done::RolledBack | Done::Stopped => {
            (format!("/console/transaction?gid={}", escaped(of)), '&')
        }
    };
    match outcome {
        Ok(()) if stays(headers) => said(done.says().to_owned()),
        Err(problem) if stays(headers) => said(problem.text().to_owned()),
        Err(problem) => problem.back_to(page).into_response(),
        Ok(()) => Redirect::to(&format!("{page}{mark}did={}", done.word())).into_response(),
    }
}

fn said(text: String) -> Response {
    ([("x-said", "1"), ("content-type", "text/plain; charset=utf-8")], text).into_response()
}
