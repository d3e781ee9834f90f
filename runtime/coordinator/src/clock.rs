//! The time, for those who may know it: the engine gets it as a value.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::engine::Time;

/// Where the time comes from.
#[derive(Debug, Clone, Copy)]
pub enum Clock {
    /// The system's clock.
    System,
    /// Tokio's clock, which tests can pause and advance: this moment, at that instant.
    Tokio(Time, tokio::time::Instant),
}

impl Clock {
    /// Tokio's clock, which starts at `now`.
    pub fn tokio(now: Time) -> Self {
        Self::Tokio(now, tokio::time::Instant::now())
    }

    /// The present time.
    pub fn now(&self) -> Time {
        match self {
            Self::System => {
                let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
                Time::from_millis(0).after(since)
            }
            Self::Tokio(start, instant) => start.after(instant.elapsed()),
        }
    }
}
