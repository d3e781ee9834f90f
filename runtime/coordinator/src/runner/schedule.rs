//! The time at which something is due next.

use std::sync::atomic::{AtomicI64, Ordering};

use tokio::sync::Notify;

use crate::engine::Time;

/// The time at which something is due next, as far as this process knows.
#[derive(Debug)]
pub(crate) struct Schedule {
    next: AtomicI64,
    pub(super) earlier: Notify,
}

impl Schedule {
    pub(crate) fn new() -> Self {
        Self { next: AtomicI64::new(0), earlier: Notify::new() }
    }

    /// Something is due at this time.
    pub(crate) fn due_at(&self, due: Time) {
        if self.next.fetch_min(due.as_millis(), Ordering::AcqRel) > due.as_millis() {
            self.earlier.notify_one();
        }
    }

    /// The time may have moved: look at the store now.
    #[cfg(feature = "testing")]
    pub(crate) fn look_now(&self) {
        self.next.store(0, Ordering::Release);
        self.earlier.notify_one();
    }

    /// Forgets what is known: it is about to be asked of the store. What is saved from now on counts.
    pub(super) fn forget(&self) {
        self.next.store(Time::MAX.as_millis(), Ordering::Release);
    }

    pub(super) fn next(&self) -> Time {
        Time::from_millis(self.next.load(Ordering::Acquire))
    }
}
