//! The time at which the next transaction is due.

use std::sync::atomic::{AtomicI64, Ordering};

use tokio::sync::Notify;

use crate::engine::Time;

/// The time at which the next transaction is due, as far as this process knows.
#[derive(Debug)]
pub(crate) struct Schedule {
    next: AtomicI64,
    pub(super) earlier: Notify,
}

impl Schedule {
    pub(crate) fn new() -> Self {
        Self { next: AtomicI64::new(0), earlier: Notify::new() }
    }

    /// A transaction is due at this time.
    pub(crate) fn due_at(&self, due: Time) {
        if self.next.fetch_min(due.as_millis(), Ordering::AcqRel) > due.as_millis() {
            self.earlier.notify_one();
        }
    }

    /// The clock may have jumped: look at the store now.
    #[cfg(feature = "testing")]
    pub(crate) fn look_now(&self) {
        self.next.store(0, Ordering::Release);
        self.earlier.notify_one();
    }

    /// Forgets the known time, before the store is asked. Times that are saved from now on count.
    pub(super) fn forget(&self) {
        self.next.store(Time::MAX.as_millis(), Ordering::Release);
    }

    pub(super) fn next(&self) -> Time {
        Time::from_millis(self.next.load(Ordering::Acquire))
    }
}
