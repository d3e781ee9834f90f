//! The source of the time. The engine has no clock: it gets the time as a value.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use crate::engine::Time;

/// A source of the time.
#[derive(Debug, Clone)]
pub enum Clock {
    /// The system's clock, made to never go back nor run slower than the monotonic clock: so a lease never seems longer
    /// than it is.
    System,
    /// Tokio's clock, which tests can pause and advance: the time at an instant, and the milliseconds that it was
    /// advanced by.
    Tokio(Time, tokio::time::Instant, Arc<AtomicI64>),
    /// A time that moves only by [`advance`](Self::advance), in milliseconds since the Unix epoch.
    Manual(Arc<AtomicI64>),
}

impl Clock {
    /// Tokio's clock, which starts at `now`.
    pub fn tokio(now: Time) -> Self {
        Self::Tokio(now, tokio::time::Instant::now(), Arc::default())
    }

    /// A clock that stays at `now` until it is advanced. Clones are the same clock.
    pub fn manual(now: Time) -> Self {
        Self::Manual(Arc::new(AtomicI64::new(now.as_millis())))
    }

    /// Advances a manual clock or Tokio's clock; no effect on the system's clock. Clones are the same clock.
    pub fn advance(&self, time: std::time::Duration) {
        match self {
            Self::System => {}
            Self::Tokio(.., clock) | Self::Manual(clock) => {
                clock.fetch_add(millis(time), Ordering::SeqCst);
            }
        }
    }

    /// The present time.
    pub fn now(&self) -> Time {
        match self {
            Self::System => {
                static START: LazyLock<Instant> = LazyLock::new(Instant::now);
                static START_MS: AtomicI64 = AtomicI64::new(0);
                let elapsed = millis(START.elapsed());
                let wall = millis(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default());
                // Follow the wall clock if it jumped ahead, but not if it was set back.
                let start = START_MS.fetch_max(wall - elapsed, Ordering::Relaxed).max(wall - elapsed);
                Time::from_millis(start + elapsed)
            }
            Self::Tokio(start, instant, ahead) => {
                Time::from_millis(start.after(instant.elapsed()).as_millis() + ahead.load(Ordering::SeqCst))
            }
            Self::Manual(now) => Time::from_millis(now.load(Ordering::SeqCst)),
        }
    }
}

fn millis(duration: std::time::Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
