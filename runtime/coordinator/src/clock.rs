//! The time, for those who may know it: the engine gets it as a value.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use crate::engine::Time;

/// Where the time comes from.
#[derive(Debug, Clone)]
pub enum Clock {
    /// The system's clock, which here never goes back, nor slower than the monotonic one: a lease that is counted by it
    /// never seems longer than it is.
    System,
    /// Tokio's clock, which tests can pause and advance: this moment, at that instant, and so many milliseconds ahead.
    Tokio(Time, tokio::time::Instant, Arc<AtomicI64>),
    /// A time that only moves when it is told to, in milliseconds since the Unix epoch.
    Manual(Arc<AtomicI64>),
}

impl Clock {
    /// Tokio's clock, which starts at `now`.
    pub fn tokio(now: Time) -> Self {
        Self::Tokio(now, tokio::time::Instant::now(), Arc::default())
    }

    /// A clock that stands at `now` until it is told otherwise. Clones are the same clock.
    pub fn manual(now: Time) -> Self {
        Self::Manual(Arc::new(AtomicI64::new(now.as_millis())))
    }

    /// Moves a manual clock on, or lets Tokio's jump ahead; without effect on the system's. Clones are the same clock.
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
                // Where the wall clock jumped ahead, we follow; where it was set back, we do not.
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
