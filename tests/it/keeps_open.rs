//! A layer for a subscriber of one thread only: it keeps each span open.

use std::sync::{Arc, Mutex};

use tracing::dispatcher::WeakDispatch;
use tracing::span::{Attributes, Id};
use tracing::{Dispatch, Subscriber};
use tracing_subscriber::layer::{Context, Layer};

/// Keeps each span open until this is asked to close it, which then happens in the test's thread.
///
/// A SQLite connection has a thread, which may be the last one to let go of a span. That thread does not have the test's
/// subscriber: `tracing_subscriber` then looks for the span's parent in the subscriber that is there, to close it as well,
/// and panics. The thread ends, and who waits for its next answer waits for ever.
#[derive(Clone, Default)]
pub(crate) struct KeepsOpen(Arc<Mutex<(Option<WeakDispatch>, Vec<Id>)>>);

impl<S: Subscriber> Layer<S> for KeepsOpen {
    fn on_register_dispatch(&self, subscriber: &Dispatch) {
        self.0.lock().unwrap().0 = Some(subscriber.downgrade());
    }

    fn on_new_span(&self, _: &Attributes<'_>, id: &Id, _: Context<'_, S>) {
        let (subscriber, open) = &mut *self.0.lock().unwrap();
        if let Some(subscriber) = subscriber.as_ref().and_then(WeakDispatch::upgrade) {
            open.push(subscriber.clone_span(id));
        }
    }
}

impl KeepsOpen {
    pub(crate) fn close(&self) {
        let (subscriber, open) = std::mem::take(&mut *self.0.lock().unwrap());
        let Some(subscriber) = subscriber.and_then(|subscriber| subscriber.upgrade()) else { return };
        // Children before their parents.
        for id in open.into_iter().rev() {
            subscriber.try_close(id);
        }
    }
}
