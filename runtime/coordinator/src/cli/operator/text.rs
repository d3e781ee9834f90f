//! Texts and times for a terminal.

use std::fmt::Write as _;

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// A text from outside without characters that act on a terminal: controls, and marks that turn the direction of writing.
pub(super) fn plain(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        let turns = matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        if c.is_control() || turns {
            // A write to a `String` cannot fail.
            let _ = write!(shown, "{}", c.escape_default());
        } else {
            shown.push(c);
        }
    }
    shown
}

/// The present time, in milliseconds since the Unix epoch.
pub(super) fn now() -> i64 {
    i64::try_from(OffsetDateTime::now_utc().unix_timestamp_nanos() / 1_000_000).unwrap_or(i64::MAX)
}

/// A time of the API, in milliseconds since the Unix epoch.
pub(super) fn millis(time: &str) -> Option<i64> {
    let time = OffsetDateTime::parse(time, &Rfc3339).ok()?;
    i64::try_from(time.unix_timestamp_nanos() / 1_000_000).ok()
}

/// A time as a person reads it, in UTC: `2026-12-01 09:30:00Z`.
pub(super) fn moment(millis: i64) -> String {
    let Ok(time) = OffsetDateTime::from_unix_timestamp(millis.div_euclid(1000)) else { return "?".to_owned() };
    let (year, month, day) = (time.year(), u8::from(time.month()), time.day());
    let (hour, minute, second) = (time.hour(), time.minute(), time.second());
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}Z")
}

/// A length of time in its two largest units: `350ms`, `12s`, `3m 20s`, `2d 4h`.
pub(super) fn span(millis: i64) -> String {
    let millis = millis.max(0);
    let seconds = millis / 1000;
    match seconds {
        0 => format!("{millis}ms"),
        1..60 => format!("{seconds}s"),
        60..3_600 => format!("{}m {}s", seconds / 60, seconds % 60),
        3_600..86_400 => format!("{}h {}m", seconds / 3_600, seconds % 3_600 / 60),
        _ => format!("{}d {}h", seconds / 86_400, seconds % 86_400 / 3_600),
    }
}

/// A time that comes: `in 12s`, or `now`.
pub(super) fn until(millis: i64, now: i64) -> String {
    if millis <= now { "now".to_owned() } else { format!("in {}", span(millis - now)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_text_acts_on_the_terminal() {
        assert_eq!(plain("a\u{1b}[2Jb\r\n\u{202e}c\u{7f}ü"), "a\\u{1b}[2Jb\\r\\n\\u{202e}c\\u{7f}ü");
    }

    #[test]
    fn times_are_short() {
        assert_eq!(moment(1_764_394_201_999), "2025-11-29 05:30:01Z");
        assert_eq!(millis("2025-11-29T05:30:01Z"), Some(1_764_394_201_000));
        let spans = [0, 350, 12_000, 200_000, 7_500_000, 187_200_000].map(span);
        assert_eq!(spans, ["0ms", "350ms", "12s", "3m 20s", "2h 5m", "2d 4h"]);
        assert_eq!((until(5_000, 6_000), until(8_000, 6_000)), ("now".to_owned(), "in 2s".to_owned()));
    }
}
