//! Many statements as one text, and so one round trip: MySQL's prepared statements take one each.

use std::fmt::Write as _;

/// The longest wait: a century. Beyond the year 9999 a moment would be NULL.
const WAIT_MS_MAX: i64 = 100 * 365 * 86_400_000;

/// Statements as one text. Whatever came from outside stands in it as hexadecimal digits.
#[derive(Debug)]
pub(super) struct Script {
    text: String,
    statements: usize,
    /// The zone of the database's times, in seconds east of UTC.
    time_zone_s: i32,
}

impl Script {
    /// One without statements. `time_zone_s` is the zone of the database's times, in seconds east of UTC.
    pub(super) fn new(time_zone_s: i32) -> Self {
        Self { text: String::new(), statements: 0, time_zone_s }
    }

    /// How long its text is.
    pub(super) fn bytes_len(&self) -> usize {
        self.text.len()
    }

    /// Takes what it has so far, and leaves it empty.
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

    /// Fixed words.
    pub(super) fn sql(&mut self, sql: &'static str) -> &mut Self {
        self.text.push_str(sql);
        self
    }

    /// A text.
    pub(super) fn str(&mut self, text: &str) -> &mut Self {
        if text.is_empty() {
            return self.sql("''");
        }
        self.sql("_utf8mb4 ").bytes(text.as_bytes())
    }

    /// Bytes.
    pub(super) fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
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

    /// A moment in whole seconds, or NULL. (`FROM_UNIXTIME` ends with the year 2037.)
    pub(super) fn moment(&mut self, seconds: Option<i64>) -> &mut Self {
        let zone = i64::from(self.time_zone_s);
        match seconds {
            Some(seconds) => {
                self.sql("TIMESTAMPADD(SECOND, ").int(seconds + zone).sql(", TIMESTAMP'1970-01-01 00:00:00')")
            }
            None => self.sql("NULL"),
        }
    }

    /// The moment that is so many milliseconds from now, by the database's clock, in whole seconds rounded up.
    pub(super) fn in_millis(&mut self, wait_ms: i64) -> &mut Self {
        let wait_ms = wait_ms.min(WAIT_MS_MAX);
        self.sql("TIMESTAMPADD(SECOND, CEIL((MICROSECOND(NOW(6)) DIV 1000 + ").int(wait_ms).sql(") / 1000), NOW())")
    }

    /// The end of a statement.
    pub(super) fn end(&mut self) {
        self.text.push(';');
        self.statements += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_from_outside_stands_in_it_as_it_is() {
        let mut script = Script::new(0);
        script.sql("SELECT ").str("'; DROP").sql(", ").bytes(&[0, 255]).sql(", ").int(-1).end();
        assert_eq!(script.len(), 1);
        assert_eq!(script.into_text(), "SELECT _utf8mb4 x'273b2044524f50', x'00ff', -1;");
    }
}
