//! Whether a request may pass: its host, its session, and for each change the proof that a page of ours sent it.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::extract::{ConnectInfo, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};
use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, COOKIE, HOST, HeaderName, ORIGIN, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
    X_FRAME_OPTIONS,
};
use http::{HeaderMap, HeaderValue, Method, StatusCode};

use super::page::Problem;
use super::session::{self, Level, Session};
use super::shared::Shared;

/// The longest form, in bytes.
const FORM_BYTES_MAX: usize = 64 << 10;

/// Nothing but our own style sheet, script and stream; no page of another site shows ours.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self'; \
                      form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

const HEADERS: [(HeaderName, &str); 6] = [
    (CONTENT_SECURITY_POLICY, POLICY),
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (X_FRAME_OPTIONS, "DENY"),
    (REFERRER_POLICY, "no-referrer"),
    (CACHE_CONTROL, "no-store"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
];

/// Lets a request pass, with its [`Session`], or refuses it.
pub(super) async fn guard(State(shared): State<Arc<Shared>>, request: Request, next: Next) -> Response {
    let mut response = match admit(&shared, request).await {
        Ok(request) => next.run(request).await,
        Err(refused) => *refused,
    };
    for (name, value) in HEADERS {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

async fn admit(shared: &Shared, mut request: Request) -> Result<Request, Box<Response>> {
    let refuse = |status, text: &str| Box::new(Problem::new(status, text).into_response());
    let host = host(&request).unwrap_or_default();
    if !is_allowed_host(shared, &host) {
        tracing::warn!(host, "a request to the console for a host that is not its own");
        return Err(refuse(StatusCode::MISDIRECTED_REQUEST, "The console is not reached under this host's name."));
    }
    if !shared.has_tokens() && !is_of_this_machine(&request) {
        let text =
            "Without tokens the console serves its own machine only. Start the coordinator with tokens, and log in.";
        return Err(refuse(StatusCode::FORBIDDEN, text));
    }
    let is_change = request.method() != Method::GET && request.method() != Method::HEAD;
    if is_change && !is_same_site(request.headers(), &host) {
        tracing::warn!(path = request.uri().path(), "a request to the console from another site");
        return Err(refuse(StatusCode::FORBIDDEN, "This request does not come from a page of the console."));
    }
    if matches!(request.uri().path(), "/console/login" | "/console/style.css" | "/console/script.js") {
        return Ok(request);
    }
    let Some(session) = session_of(shared, request.headers()) else {
        return Err(Box::new(if is_change {
            Problem::new(StatusCode::UNAUTHORIZED, "Log in first.").into_response()
        } else {
            Redirect::to("/console/login").into_response()
        }));
    };
    if is_change {
        request = with_checked_form(request, &session).await?;
        if session.level != Level::Act && request.uri().path() != "/console/logout" {
            return Err(refuse(StatusCode::FORBIDDEN, "This token may look, but not act."));
        }
    }
    request.extensions_mut().insert(session);
    Ok(request)
}

/// Reads the form, and checks that a page of this session sent it.
async fn with_checked_form(request: Request, session: &Session) -> Result<Request, Box<Response>> {
    let refuse = |status, text: &str| Box::new(Problem::new(status, text).into_response());
    let (parts, body) = request.into_parts();
    let Ok(form) = to_bytes(body, FORM_BYTES_MAX).await else {
        return Err(refuse(StatusCode::PAYLOAD_TOO_LARGE, "The form is too long."));
    };
    let sent = url::form_urlencoded::parse(&form).find(|(name, _)| name == "csrf").map(|(_, value)| value.into_owned());
    if !sent.is_some_and(|sent| session::same(&sent, &session.csrf)) {
        tracing::warn!(path = parts.uri.path(), "a form without the token of its page");
        return Err(refuse(StatusCode::FORBIDDEN, "This page is out of date: load it again."));
    }
    Ok(Request::from_parts(parts, Body::from(form)))
}

fn session_of(shared: &Shared, headers: &HeaderMap) -> Option<Session> {
    if !shared.has_tokens() {
        return Some(session::of_this_machine(shared));
    }
    let now_s = shared.now() / 1000;
    let cookies = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok()).flat_map(|it| it.split(';'));
    let ours = cookies.filter_map(|cookie| cookie.trim().split_once('=')).filter(|(name, _)| *name == session::COOKIE);
    ours.into_iter().find_map(|(_, value)| session::of_cookie(shared, value, now_s))
}

/// The host that the request is for, in lower case and without its port.
fn host(request: &Request) -> Option<String> {
    let text = match request.headers().get(HOST) {
        Some(host) => host.to_str().ok()?,
        None => request.uri().authority()?.as_str(),
    };
    let authority: http::uri::Authority = text.parse().ok()?;
    Some(authority.host().to_ascii_lowercase())
}

fn is_allowed_host(shared: &Shared, host: &str) -> bool {
    let is_named = shared.options.hosts.iter().any(|named| named == host);
    match (shared.options.hosts.is_empty(), shared.has_tokens()) {
        // Whatever name a DNS server gives this machine: the cookie belongs to the right one.
        (true, true) => !host.is_empty(),
        (true, false) => is_this_machine(host),
        (false, true) => is_named,
        (false, false) => is_named || is_this_machine(host),
    }
}

fn is_this_machine(host: &str) -> bool {
    let ip = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    host == "localhost" || ip.is_ok_and(|ip| ip.is_loopback())
}

/// Whether the connection comes from this machine, and no proxy stands between.
fn is_of_this_machine(request: &Request) -> bool {
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(peer)| peer.ip().to_canonical());
    let forwarded = ["forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip", "via"];
    peer.is_some_and(|ip| ip.is_loopback()) && !forwarded.iter().any(|name| request.headers().contains_key(*name))
}

/// Whether a browser says that a page of this host sent it. Another program says nothing, and then the form's token decides
/// alone.
fn is_same_site(headers: &HeaderMap, host: &str) -> bool {
    let text = |name: HeaderName| headers.get(name).map(|value| value.to_str().unwrap_or("?").to_owned());
    let fetched = text(HeaderName::from_static("sec-fetch-site")).is_none_or(|site| site == "same-origin");
    // With this referrer policy some browsers send `null` for a form of the same page.
    let origin = text(ORIGIN).filter(|origin| origin != "null" || !headers.contains_key("sec-fetch-site"));
    let origin = origin.is_none_or(|origin| {
        url::Url::parse(&origin).is_ok_and(|url| url.host_str().is_some_and(|it| it.eq_ignore_ascii_case(host)))
    });
    fetched && origin
}
