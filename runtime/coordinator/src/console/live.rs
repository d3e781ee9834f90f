//! A page's live part, sent whenever it has changed.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream::{self, StreamExt as _};
use http::StatusCode;
use maud::Markup;

use super::page::Problem;
use super::shared::Shared;

/// How often a page looks.
const EVERY: Duration = Duration::from_secs(1);

/// A store that is slow is asked so much more seldom that open pages are a small part of its work.
const REST: u32 = 10;

/// Sends the part that `render` makes, now and whenever it has changed, until the browser leaves or the coordinator stops.
pub(super) fn follow<F, R>(shared: &Arc<Shared>, render: R) -> Response
where
    R: Fn(Arc<Shared>) -> F + Send + 'static,
    F: Future<Output = Result<Markup, Problem>> + Send,
{
    let Ok(place) = shared.streams.clone().try_acquire_owned() else {
        return Problem::new(StatusCode::SERVICE_UNAVAILABLE, "Too many pages are open.").into_response();
    };
    let stopped = shared.core.stopping.clone().cancelled_owned();
    let first = (shared.clone(), render, None, Duration::ZERO, place);
    let parts = stream::unfold(first, async |(shared, render, mut before, mut pause, place)| {
        loop {
            tokio::time::sleep(pause).await;
            let begun = tokio::time::Instant::now();
            let part = render(shared.clone()).await.map(Markup::into_string);
            let part = part.unwrap_or_else(|problem| super::words::foreign(problem.text()).into_string());
            pause = EVERY.max(begun.elapsed() * REST);
            if before.as_ref() != Some(&part) {
                // As JSON: the text has line ends.
                let event = Event::default().json_data(&part).unwrap_or_default();
                before = Some(part);
                return Some((Ok::<_, Infallible>(event), (shared, render, before, pause, place)));
            }
        }
    });
    Sse::new(parts.take_until(stopped)).keep_alive(KeepAlive::default()).into_response()
}
