//! [`Verify`] as a tower layer.

use std::mem;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::body::Body;
use axum::extract::{FromRequest, OriginalUri, Request};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_core::future::BoxFuture;
use http::StatusCode;
use tower_layer::Layer;
use tower_service::Service;

use branchwire_protocol::signature::now_s;

use super::{NotVerified, Verify};
use crate::Reply;
use crate::serve::{Look, SignatureHolds};

impl<S> Layer<S> for Verify {
    type Service = Verified<S>;

    fn layer(&self, inner: S) -> Verified<S> {
        Verified { inner, verify: Arc::new(self.clone()) }
    }
}

/// A service that gets only verified calls. Made by [`Verify`].
#[derive(Debug, Clone)]
pub struct Verified<S> {
    inner: S,
    verify: Arc<Verify>,
}

impl<S> Service<Request> for Verified<S>
where
    S: Service<Request, Response = Response> + Clone + Send + 'static,
    S::Future: Send,
{
    type Response = Response;
    type Error = S::Error;
    type Future = BoxFuture<'static, Result<Response, S::Error>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        // `poll_ready` was called on `self.inner`, so `self.inner` must take this call; its clone stays for the next.
        let inner = self.inner.clone();
        let mut inner = mem::replace(&mut self.inner, inner);
        let verify = self.verify.clone();
        Box::pin(async move {
            match verify.pass(request).await {
                Ok(request) => inner.call(request).await,
                Err(reply) => Ok(reply.into_response()),
            }
        })
    }
}

impl Verify {
    /// Returns the request, if it is signed.
    async fn pass(&self, request: Request) -> Result<Request, Reply> {
        let (mut parts, body) = request.into_parts();
        // A nested router strips its prefix from the path; the signature is of the whole path.
        let uri = parts.extensions.get().map_or(&parts.uri, |OriginalUri(uri)| uri);
        // The service's own look at its routes wants to be refused.
        let is_look = parts.extensions.get::<Look>().is_some();
        let refused = |refusal: NotVerified| {
            if !is_look {
                tracing::warn!(path = uri.path(), reason = %refusal, "a call was refused");
            }
            refusal.reply()
        };
        // Checked before the body is read: a caller without a key must not make the service read it.
        let claims = self.claims(uri, &parts.headers, now_s()).map_err(refused)?;
        let body = Bytes::from_request(Request::from_parts(parts.clone(), body), &()).await.map_err(|rejection| {
            tracing::warn!(
                error = &rejection as &dyn std::error::Error,
                "the body of a call did not arrive completely"
            );
            if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE { Reply::TooLong } else { Reply::Retry }
        })?;
        self.hold(&claims, uri, &parts.headers, &body).map_err(refused)?;
        drop(claims);
        parts.extensions.insert(SignatureHolds);
        Ok(Request::from_parts(parts, Body::from(body)))
    }
}
