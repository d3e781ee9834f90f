//! Many statements as one text: one round trip in all, where prepared statements need one each.

use std::fmt::Write as _;
use std::time::Duration;

use time::OffsetDateTime;

use crate::engine::Time;

/// The longest wait: a century. A time beyond the year 9999 would be NULL.
const WAIT_MS_MAX: i64 = 100 * 365 * 86_400_000;

/// Statements as one text. Data from outside is written as hexadecimal digits, unless it is printable ASCII without
/// what has a meaning inside of quotes.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Script {
    text: String,
    statements: usize,
    /// The zone of the database's times, in seconds east of UTC.
    time_zone_s: i32,
}

impl Script {
    /// A script without statements. `time_zone_s` is the zone of the database's times, in seconds east of UTC.
    pub(super) fn new(time_zone_s: i32) -> Self {
        Self { text: String::new(), statements: 0, time_zone_s }
    }

    /// The length of its text, in bytes.
    pub(super) fn bytes_len(&self) -> usize {
        self.text.len()
    }

    /// Takes the statements so far, and leaves it empty.
    pub(super) fn take(&mut self) -> Self {
        std::mem::replace(self, Self::new(self.time_zone_s))
    }

    /// How many statements it has.
    pub(super) fn len(&self) -> usize {
        self.statements
    }

    /// Its text.
    pub(super) fn into_text(self) -> String {
        self.text
    }

    /// Appends fixed SQL.
    pub(super) fn sql(&mut self, sql: &'static str) -> &mut Self {
        self.text.push_str(sql);
        self
    }

    /// Appends what another script has.
    pub(super) fn add(&mut self, other: &Self) -> &mut Self {
        self.text.push_str(&other.text);
        self.statements += other.statements;
        self
    }

    /// A text.
    pub(super) fn str(&mut self, text: &str) -> &mut Self {
        match plain(text.as_bytes()) {
            Some(text) => self.quoted(text),
            None => self.sql("_utf8mb4 ").hexadecimal(text.as_bytes()),
        }
    }

    /// Bytes.
    pub(super) fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        match plain(bytes) {
            Some(text) => self.quoted(text),
            None => self.hexadecimal(bytes),
        }
    }

    fn quoted(&mut self, text: &str) -> &mut Self {
        self.text.push('\'');
        self.text.push_str(text);
        self.text.push('\'');
        self
    }

    fn hexadecimal(&mut self, bytes: &[u8]) -> &mut Self {
        self.text.reserve(2 * bytes.len() + 3);
        self.text.push_str("x'");
        for byte in bytes {
            for digit in [byte >> 4, byte & 0xf] {
                self.text.push(char::from(b"0123456789abcdef"[usize::from(digit)]));
            }
        }
        self.text.push('\'');
        self
    }

    /// A whole number.
    pub(super) fn int(&mut self, number: i64) -> &mut Self {
        // Writing to a String does not fail.
        let _ = write!(self.text, "{number}");
        self
    }

    /// Appends a time in whole seconds; NULL if there is none, or it is beyond the year 9999, as in the database's
    /// arithmetic.
    pub(super) fn moment(&mut self, seconds: Option<i64>) -> &mut Self {
        let zone = i64::from(self.time_zone_s);
        let moment = seconds.and_then(|seconds| OffsetDateTime::from_unix_timestamp(seconds + zone).ok());
        let Some(moment) = moment else { return self.sql("NULL") };
        let (date, (hour, minute, second)) = (moment.date(), moment.to_hms());
        // Writing to a String does not fail.
        let _ = write!(self.text, "TIMESTAMP'{date} {hour:02}:{minute:02}:{second:02}'");
        self
    }

    /// Appends the time in `wait_ms` milliseconds by the database's clock, rounded up to whole seconds.
    pub(super) fn in_millis(&mut self, wait_ms: i64) -> &mut Self {
        let wait_ms = wait_ms.min(WAIT_MS_MAX);
        self.sql("TIMESTAMPADD(SECOND, CEIL((MICROSECOND(NOW(6)) DIV 1000 + ").int(wait_ms).sql(") / 1000), NOW())")
    }

    /// Ends a statement.
    pub(super) fn end(&mut self) {
        self.text.push(';');
        self.statements += 1;
    }
}

/// The data, if it may stand between quotes as it is, in every SQL mode. That is cheaper for the database, and most is so.
fn plain(bytes: &[u8]) -> Option<&str> {
    let is_plain = |byte: &u8| matches!(byte, b' '..=b'~') && !matches!(byte, b'\'' | b'\\');
    if bytes.iter().all(is_plain) { std::str::from_utf8(bytes).ok() } else { None }
}

/// In milliseconds. Due now is stored as one second ago, so that rounding up to whole seconds does not delay it.
pub(super) fn wait_ms(wait: Duration) -> i64 {
    if wait.is_zero() { -1000 } else { millis(wait) }
}

pub(super) fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX).min(Time::MAX.as_millis())
}

pub(super) fn whole_seconds(millis: i64) -> i64 {
    (millis.saturating_add(999) / 1000).min(i64::from(i32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_from_outside_is_always_encoded() {
        let mut script = Script::new(0);
        script.sql("SELECT ").str("'; DROP").sql(", ").bytes(&[0, 255]).sql(", ").int(-1).end();
        assert_eq!(script.len(), 1);
        assert_eq!(script.into_text(), "SELECT _utf8mb4 x'273b2044524f50', x'00ff', -1;");
    }

    #[test]
    fn only_what_has_no_meaning_in_quotes_is_written_in_quotes() {
        for (text, form) in [
            ("", "''"),
            ("7f-A", "'7f-A'"),
            ("{\"a\": \"?%_;--/*!~\"}", "'{\"a\": \"?%_;--/*!~\"}'"),
            ("it's", "x'69742773'"),
            ("\\", "x'5c'"),
            ("\n", "x'0a'"),
            ("\u{7f}", "x'7f'"),
            ("\u{e9}", "x'c3a9'"),
        ] {
            let mut script = Script::new(0);
            script.bytes(text.as_bytes());
            assert_eq!(script.into_text(), form);
            let mut script = Script::new(0);
            script.str(text);
            assert!(script.into_text().ends_with(form), "{form}");
        }
    }

    #[test]
    fn a_time_is_in_the_databases_zone() {
        for (zone, seconds, form) in [
            (0, Some(0), "TIMESTAMP'1970-01-01 00:00:00'"),
            (28_800, Some(4_102_444_799), "TIMESTAMP'2100-01-01 07:59:59'"),
            (-3_600, Some(1_709_164_805), "TIMESTAMP'2024-02-28 23:00:05'"),
            (0, Some(i64::from(u32::MAX) * 100), "NULL"),
            (0, None, "NULL"),
        ] {
            let mut script = Script::new(zone);
            script.moment(seconds);
            assert_eq!(script.into_text(), form);
        }
    }
}
