//! Which SQL a business may not send inside a transaction that is not its own.

/// The first words of statements that would end the transaction, or that some database ends it for (DDL).
const REFUSED: &[&str] = &[
    "abort",
    "alter",
    "analyze",
    "attach",
    "begin",
    "commit",
    "create",
    "detach",
    "drop",
    "end",
    "flush",
    "grant",
    "install",
    "lock",
    "optimize",
    "pragma",
    "reindex",
    "release",
    "rename",
    "repair",
    "revoke",
    "rollback",
    "savepoint",
    "start",
    "stop",
    "truncate",
    "unlock",
    "vacuum",
    "xa",
];

/// The number of statements in `sql`.
///
/// Looks at the first word of each, past comments. It is a guard against mistakes and not a parser of three dialects: the
/// database checks as well that a transaction is still open at its end.
///
/// # Errors
/// The word that makes one of them unfit for a branch's transaction: transaction control, or DDL.
pub(super) fn count(sql: &str) -> Result<usize, &'static str> {
    let mut rest = Text(sql.as_bytes());
    let mut statements = 0;
    loop {
        rest.skip_blank();
        if rest.0.is_empty() {
            return Ok(statements);
        }
        statements += 1;
        let word = rest.word();
        if let Some(refused) = REFUSED.iter().find(|refused| word.eq_ignore_ascii_case(refused.as_bytes())) {
            return Err(refused);
        }
        if word.eq_ignore_ascii_case(b"set") || word.eq_ignore_ascii_case(b"prepare") {
            rest.skip_blank();
            while matches!(rest.0, [b'@', ..]) {
                rest.0 = &rest.0[1..];
            }
            let mut word = rest.word();
            // SET [SESSION|GLOBAL|LOCAL] TRANSACTION, SET SESSION autocommit, SET @@session.autocommit
            while [&b"session"[..], b"global", b"local", b"characteristics", b"as"]
                .iter()
                .any(|w| word.eq_ignore_ascii_case(w))
            {
                while matches!(rest.0, [b'.' | b'@', ..]) {
                    rest.0 = &rest.0[1..];
                }
                rest.skip_blank();
                word = rest.word();
            }
            if word.eq_ignore_ascii_case(b"autocommit") {
                return Err("set autocommit");
            }
            if word.eq_ignore_ascii_case(b"transaction") {
                return Err("set transaction");
            }
        }
        rest.skip_statement();
    }
}

/// What remains of the SQL.
struct Text<'a>(&'a [u8]);

impl<'a> Text<'a> {
    /// Passes white space, empty statements and comments; of MySQL's executable comments (`/*!40101 ... */`) only the opening.
    fn skip_blank(&mut self) {
        loop {
            match self.0 {
                [b' ' | b'\t' | b'\r' | b'\n' | 0x0c | b';' | b'(', ..] => self.0 = &self.0[1..],
                [b'-', b'-', ..] | [b'#', ..] => self.skip_past(b"\n"),
                [b'/', b'*', b'!', ..] | [b'/', b'*', b'M', b'!', ..] => {
                    self.skip_past(b"!");
                    while matches!(self.0, [b'0'..=b'9', ..]) {
                        self.0 = &self.0[1..];
                    }
                }
                [b'/', b'*', ..] => self.skip_past(b"*/"),
                _ => return,
            }
        }
    }

    fn word(&mut self) -> &'a [u8] {
        let length = self.0.iter().take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'_').count();
        let (word, rest) = self.0.split_at(length);
        self.0 = rest;
        word
    }

    fn skip_past(&mut self, end: &[u8]) {
        let at = self.0.windows(end.len()).position(|window| window == end);
        self.0 = at.map_or(&[], |at| &self.0[at + end.len()..]);
    }

    /// What opens a text in PostgreSQL's dollar quotes, if one begins here: `$$` or `$tag$`.
    fn dollar_tag(&self) -> &'a [u8] {
        let tag = self.0[1..].iter().take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'_').count();
        match self.0.get(1 + tag) {
            Some(b'$') if !self.0[1].is_ascii_digit() => &self.0[..tag + 2],
            _ => &[],
        }
    }

    /// Passes the rest of this statement, with its quoted texts.
    fn skip_statement(&mut self) {
        loop {
            match self.0 {
                [quote @ (b'\'' | b'"' | b'`'), ..] => {
                    self.0 = &self.0[1..];
                    self.skip_past(&[*quote]);
                }
                [b'$', ..] => {
                    let tag = self.dollar_tag();
                    self.0 = &self.0[tag.len().max(1)..];
                    if !tag.is_empty() {
                        self.skip_past(tag);
                    }
                }
                // A whole name: one may hold a dollar sign.
                [b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' | b'_', ..] => {
                    let name = self.0.iter().take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'$'));
                    self.0 = &self.0[name.count()..];
                }
                [b'-', b'-', ..] => self.skip_past(b"\n"),
                // An executable comment is code: look at it as at a statement.
                [] | [b';', ..] | [b'/', b'*', b'!', ..] | [b'/', b'*', b'M', b'!', ..] => return,
                [b'/', b'*', ..] => self.skip_past(b"*/"),
                _ => self.0 = &self.0[1..],
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn transaction_control_and_ddl_are_refused_wherever_they_hide() {
        for sql in [
            "COMMIT",
            "  rollback to x",
            "-- a\ncommit",
            "/* a */ Begin",
            "/*!40101 COMMIT */",
            "/*M!100000 COMMIT */",
            "SELECT 1; COMMIT",
            "SELECT ';'; /* ; */ DROP TABLE t",
            "SELECT 1 /*! ; COMMIT */",
            "create table t (a int)",
            "TRUNCATE t",
            "SET autocommit=1",
            "SET @@autocommit = 1",
            "SET SESSION autocommit = 1",
            "set @@session.autocommit = 1",
            "SET TRANSACTION ISOLATION LEVEL SERIALIZABLE",
            "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY",
            "PREPARE TRANSACTION 'x'",
            ";;commit",
            "SELECT $t$'$t$; COMMIT; SELECT ''",
            "SELECT 1 AS a$$; COMMIT; SELECT 1 AS b$$",
            "SELECT $1; COMMIT; SELECT $1",
        ] {
            assert!(count(sql).is_err(), "{sql}");
        }
    }

    #[test]
    fn ordinary_statements_pass() {
        for sql in [
            "",
            "SELECT 1",
            "UPDATE t SET a = 'x; COMMIT' WHERE b = \"; DROP\"",
            "INSERT INTO log (text) VALUES ('commit')",
            "SET LOCAL statement_timeout = '1s'",
            "WITH commit AS (SELECT 1) SELECT * FROM commit",
            "SELECT $$; COMMIT$$",
            "SELECT $t$; COMMIT; $$ $t$",
            "-- commit\nSELECT 1",
            "SELECT 1; SELECT 2;",
            "DELETE FROM t; -- rollback",
        ] {
            assert!(count(sql).is_ok(), "{sql}");
        }
    }

    #[test]
    fn statements_are_counted_and_blanks_are_not() {
        for (sql, statements) in [
            ("", 0),
            (" ; -- nothing", 0),
            ("SELECT ';' -- ;", 1),
            ("SELECT 1; /* end */ ;", 1),
            ("SELECT 1; SELECT 2", 2),
            ("INSERT INTO t VALUES (1);UPDATE t SET a = ';';", 2),
        ] {
            assert_eq!(count(sql), Ok(statements), "{sql}");
        }
    }
}
