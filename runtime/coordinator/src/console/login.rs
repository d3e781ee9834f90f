//! Logging in with a token, and out.

use std::sync::Arc;

use axum::Form;
use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use http::header::SET_COOKIE;
use http::{HeaderMap, StatusCode};
use maud::{Markup, html};
use serde::Deserialize;

use super::page::frame;
use super::session::{self, COOKIE, LASTS_S};
use super::shared::Shared;

#[derive(Deserialize)]
pub(super) struct LogIn {
    token: String,
}

pub(super) async fn page(State(shared): State<Arc<Shared>>) -> Response {
    if !shared.has_tokens() {
        return Redirect::to("/console").into_response();
    }
    form(&html! {}).into_response()
}

fn form(said: &Markup) -> super::page::Html {
    let body = html! {
        h1 { "Log in" }
        (said)
        form.login method="post" action="/console/login" {
            label for="token" { "Token" }
            input #token name="token" type="password" autocomplete="current-password" required autofocus;
            button { "Log in" }
            p.quiet { "One of the coordinator's API tokens lets you act; a look token lets you read." }
        }
    };
    frame("Log in", false, &html! {}, &body)
}

pub(super) async fn log_in(State(shared): State<Arc<Shared>>, headers: HeaderMap, Form(it): Form<LogIn>) -> Response {
    let Some(cookie) = session::cookie_for(&shared, it.token.trim(), shared.now() / 1000) else {
        tracing::warn!("a login to the console without an accepted token");
        let said = html! { p.problem role="alert" { "This is not one of the coordinator's tokens." } };
        return (StatusCode::UNAUTHORIZED, form(&said)).into_response();
    };
    ([(SET_COOKIE, set(&cookie, LASTS_S, &headers))], Redirect::to("/console")).into_response()
}

pub(super) async fn log_out(headers: HeaderMap) -> Response {
    ([(SET_COOKIE, set("", 0, &headers))], Redirect::to("/console/login")).into_response()
}

fn set(value: &str, lasts_s: i64, headers: &HeaderMap) -> String {
    // Behind a proxy that speaks TLS the browser must not send it in the clear.
    let secure = headers.get("x-forwarded-proto").is_some_and(|proto| proto == "https");
    let secure = if secure { "; Secure" } else { "" };
    format!("{COOKIE}={value}; Path=/console; Max-Age={lasts_s}; HttpOnly; SameSite=Lax{secure}")
}
