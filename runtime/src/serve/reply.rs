//! Turns a reply into an axum response.

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, header};

use crate::outcome::Reply;

impl IntoResponse for Reply {
    fn into_response(self) -> Response {
        let mut response = self.body().into_response();
        *response.status_mut() = self.status();
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        response
    }
}
