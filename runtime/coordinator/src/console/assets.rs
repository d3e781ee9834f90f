//! The style sheet and the script.

use axum::response::IntoResponse;
use http::header::CONTENT_TYPE;

pub(super) const STYLE: &str = include_str!("style.css");

pub(super) async fn style() -> impl IntoResponse {
    ([(CONTENT_TYPE, "text/css; charset=utf-8")], STYLE)
}

pub(super) async fn script() -> impl IntoResponse {
    ([(CONTENT_TYPE, "text/javascript; charset=utf-8")], include_str!("script.js"))
}
