//! The frame of every page.

use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::CONTENT_TYPE;
use maud::{DOCTYPE, Markup, html};

use super::session::{Level, Session};
use crate::runner::RequestError;
use crate::store::StoreError;
use crate::topics::TopicError;

/// The pages in the navigation.
const PAGES: [(&str, &str); 5] = [
    ("/console", "Overview"),
    ("/console/transactions", "Transactions"),
    ("/console/topics", "Topics"),
    ("/console/coordinators", "Coordinators"),
    ("/console/settings", "Settings"),
];

/// A page: its title, the part that follows what happens, and the part that stays.
pub(super) struct Page {
    pub(super) title: String,
    /// Its entry in the navigation.
    pub(super) at: &'static str,
    /// Where the live part comes from; empty: it does not change by itself.
    pub(super) live_from: String,
    /// The part that is replaced while the page is open.
    pub(super) live: Markup,
    /// The part before it: filters. Somebody may be typing in it.
    pub(super) before: Markup,
    /// The part behind it: forms, likewise.
    pub(super) after: Markup,
    /// What the last act has brought, if it led here.
    pub(super) said: String,
}

impl Page {
    pub(super) fn new(title: &str, at: &'static str, live: Markup) -> Self {
        let none = || html! {};
        let (title, live_from, said) = (title.to_owned(), String::new(), String::new());
        Self { title, at, live_from, live, before: none(), after: none(), said }
    }

    pub(super) fn show(self, session: &Session) -> Response {
        let menu = html! {
            nav aria-label="Pages" {
                ul {
                    @for (href, name) in PAGES {
                        li { a href=(href) aria-current=[(href == self.at).then_some("page")] { (name) } }
                    }
                }
            }
            @if session.level == Level::Look { span.level { "read only" } }
            @if session.has_cookie {
                form.logout method="post" action="/console/logout" {
                    (csrf(session))
                    button.quiet { "Log out" }
                }
            }
        };
        let from = (!self.live_from.is_empty()).then_some(self.live_from.as_str());
        // A page that loads itself again would throw away what somebody is typing.
        let has_forms = !self.before.0.is_empty() || !self.after.0.is_empty();
        let body = html! {
            h1 { (self.title) }
            p #said role="status" aria-live="polite" { (self.said) }
            (self.before)
            @if let (Some(from), true) = (from, has_forms) { (reload(from)) }
            div #live data-from=[from] { (self.live) }
            (self.after)
        };
        frame(&self.title, from.is_some() && !has_forms, &menu, &body).into_response()
    }
}

/// The link to the present state, where there are no scripts. A live part has the address of its page behind `live`.
fn reload(live_from: &str) -> Markup {
    html! {
        noscript {
            p.reload { a href=(live_from.replacen("/live/", "/", 1)) { "Load this page again" } " to see what has happened since." }
        }
    }
}

/// The field that proves that a form is of our page.
pub(super) fn csrf(session: &Session) -> Markup {
    html! { input type="hidden" name="csrf" value=(session.csrf); }
}

/// The document around a page. One that `loads_again` does so every few seconds where there are no scripts.
pub(super) fn frame(title: &str, loads_again: bool, menu: &Markup, body: &Markup) -> Html {
    Html(html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) " · Branchwire" }
                link rel="stylesheet" href="/console/style.css";
                @if loads_again { noscript { meta http-equiv="refresh" content="10"; } }
                script src="/console/script.js" defer {}
            }
            body {
                a.skip href="#content" { "Skip to the content" }
                header { a.brand href="/console" { "Branchwire" } (menu) }
                main #content tabindex="-1" { (body) }
            }
        }
    })
}

/// A document.
pub(super) struct Html(Markup);

impl IntoResponse for Html {
    fn into_response(self) -> Response {
        ([(CONTENT_TYPE, "text/html; charset=utf-8")], self.0.into_string()).into_response()
    }
}

/// Why a page is not shown.
#[derive(Debug)]
pub(super) struct Problem {
    status: StatusCode,
    text: String,
    /// The page from which somebody tried it; empty: the overview.
    back: String,
}

impl Problem {
    pub(super) fn new(status: StatusCode, text: impl Into<String>) -> Self {
        Self { status, text: text.into(), back: String::new() }
    }

    /// With a link to the page from which somebody tried it.
    pub(super) fn back_to(self, back: String) -> Self {
        Self { back, ..self }
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let (back, name) = match self.back.as_str() {
            "" => ("/console", "To the overview"),
            back => (back, "Back"),
        };
        let body = html! { h1 { "This did not work" } p { (self.text) } p { a href=(back) { (name) } } };
        (self.status, frame("This did not work", false, &html! {}, &body)).into_response()
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, format!("The store does not answer: {error}"))
    }
}

impl From<RequestError> for Problem {
    fn from(error: RequestError) -> Self {
        let status = match &error {
            RequestError::NotAllowed(_) => StatusCode::CONFLICT,
            RequestError::NotFound(_) => StatusCode::NOT_FOUND,
            _ => StatusCode::SERVICE_UNAVAILABLE,
        };
        Self::new(status, error.to_string())
    }
}

impl From<TopicError> for Problem {
    fn from(error: TopicError) -> Self {
        Self::new(StatusCode::CONFLICT, error.to_string())
    }
}
