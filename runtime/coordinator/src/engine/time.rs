//! A point in time, as a value.

use std::time::Duration;

/// A point in time: whole milliseconds since the Unix epoch, up to the end of the year 9999.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Time(i64);

impl Time {
    /// The last time that every store and every RFC 3339 reader can express: the end of the year 9999.
    pub const MAX: Self = Self(253_402_300_799_000);

    /// The time `millis` milliseconds after the Unix epoch, clamped to 1970 and [`Time::MAX`].
    pub const fn from_millis(millis: i64) -> Self {
        if millis < 0 {
            Self(0)
        } else if millis > Self::MAX.0 {
            Self::MAX
        } else {
            Self(millis)
        }
    }

    /// Milliseconds since the Unix epoch.
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// Seconds since the Unix epoch, rounded up: for stores with whole seconds, where a time must not become earlier.
    pub const fn whole_seconds(self) -> i64 {
        (self.0 + 999) / 1000
    }

    /// This time plus `wait`, at most [`Time::MAX`].
    #[must_use]
    pub fn after(self, wait: Duration) -> Self {
        let wait = i64::try_from(wait.as_millis()).unwrap_or(i64::MAX);
        Self::from_millis(self.0.saturating_add(wait))
    }

    /// The duration from this time until `later`; zero if `later` has passed.
    pub fn until(self, later: Self) -> Duration {
        Duration::from_millis(u64::try_from(later.0.saturating_sub(self.0)).unwrap_or(0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_wait_leads_beyond_the_last_moment() {
        assert_eq!(Time::from_millis(5).after(Duration::MAX), Time::MAX);
        assert_eq!(Time::from_millis(i64::MAX), Time::MAX);
        assert_eq!(Time::from_millis(-1), Time::from_millis(0));
        assert_eq!(Time::MAX.until(Time::from_millis(0)), Duration::ZERO);
        assert_eq!(Time::from_millis(1).until(Time::from_millis(3)), Duration::from_millis(2));
    }
}
