//! Many statements as one text, and so one round trip: MySQL's prepared statements take one each.

use std::fmt::Write as _;

/// Statements as one text. Whatever came from outside stands in it as hexadecimal digits.
#[derive(Debug, Default)]
pub(super) struct Script {
    text: String,
    statements: usize,
}

impl Script {
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

    /// A moment in whole seconds, or NULL.
    pub(super) fn moment(&mut self, seconds: Option<i64>) -> &mut Self {
        match seconds {
            Some(seconds) => self.sql("FROM_UNIXTIME(").int(seconds).sql(")"),
            None => self.sql("NULL"),
        }
    }

    /// The moment that is so many milliseconds from now, by the database's clock, in whole seconds rounded up.
    pub(super) fn in_millis(&mut self, wait_ms: i64) -> &mut Self {
        self.sql("FROM_UNIXTIME(CEIL(UNIX_TIMESTAMP(SYSDATE(3)) + ").int(wait_ms).sql(" / 1000))")
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
        let mut script = Script::default();
        script.sql("SELECT ").str("'; DROP").sql(", ").bytes(&[0, 255]).sql(", ").int(-1).end();
        assert_eq!(script.len(), 1);
        assert_eq!(script.into_text(), "SELECT _utf8mb4 x'273b2044524f50', x'00ff', -1;");
    }
}
