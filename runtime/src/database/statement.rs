//! A guard on the SQL of a business: it may not begin or end the transaction, nor change the schema.
//!
//! It looks at the first word of each statement. It is a guard against mistakes and not a parser: if it cannot tell how
//! the server reads a text, it lets it pass. The commit checks in any case that the transaction is still open.

/// How one kind of database reads SQL, as far as the guard has to know.
#[derive(Debug)]
pub struct Syntax {
    /// The first words of statements that a business may not send.
    pub(super) refused: &'static [&'static str],
    /// How the server may read a backslash. A setting of the session decides, which the guard does not know.
    pub(super) readings: &'static [Reading],
    pub(super) features: &'static [Feature],
    /// The schema of temporary tables, if they can be named by it.
    pub(super) temporary_schema: Option<&'static str>,
}

/// What MariaDB's ANALYZE runs and explains. Of a table it commits.
const ANALYZED: [&str; 7] = ["select", "insert", "update", "delete", "replace", "with", "format"];

/// Whether a backslash escapes the next character in `'..'` and in `".."`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reading {
    in_single_quotes: bool,
    in_double_quotes: bool,
}

#[allow(dead_code, reason = "each driver uses some of them")]
impl Reading {
    pub(super) const NO_ESCAPES: Self = Self { in_single_quotes: false, in_double_quotes: false };
    pub(super) const IN_SINGLE_QUOTES: Self = Self { in_single_quotes: true, in_double_quotes: false };
    pub(super) const IN_BOTH_QUOTES: Self = Self { in_single_quotes: true, in_double_quotes: true };
}

/// What not every kind of database has.
#[allow(dead_code, reason = "each driver uses some of them")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Feature {
    /// `E'..'`, in which a backslash always escapes.
    EscapeStrings,
    /// `$$..$$` and `$tag$..$tag$`.
    DollarQuotes,
    /// `` `name` ``
    BacktickNames,
    /// `[name]`
    BracketNames,
    /// A comment `/* /* */ */`.
    NestedComments,
    /// A comment from `#` to the end of the line.
    HashComments,
    /// `/*! code */`
    ExecutableComments,
    /// `--` begins a comment only before a blank.
    DashCommentNeedsBlank,
    /// A carriage return ends a comment of one line.
    CarriageReturnEndsLine,
}

/// The number of statements in `sql`.
///
/// # Errors
/// The word for which one of them is refused.
pub(super) fn count(sql: &str, syntax: &Syntax) -> Result<usize, &'static str> {
    let readings = if sql.contains('\\') { syntax.readings } else { &syntax.readings[..1] };
    let mut best: Option<Found> = None;
    for &reading in readings {
        let found = Text { rest: sql.as_bytes(), syntax, reading, is_whole: true, is_in_executable: false }.read();
        best = Some(best.map_or(found, |best| best.or(found)));
    }
    best.map_or(Ok(0), |best| best.statements)
}

/// What a text is in one reading.
#[derive(Debug, Clone, Copy)]
struct Found {
    statements: Result<usize, &'static str>,
    /// Whether each quoted text ends. If not, the server reads it in another way, or refuses it.
    is_whole: bool,
}

impl Found {
    /// The more likely of two readings; of two that are as likely, the one that passes, or has fewer statements.
    fn or(self, other: Self) -> Self {
        match (self.is_whole, other.is_whole) {
            (true, false) => self,
            (false, true) => other,
            _ => match (self.statements, other.statements) {
                (Ok(ours), Ok(theirs)) if theirs < ours => other,
                (Err(_), Ok(_)) => other,
                _ => self,
            },
        }
    }
}

/// Whether a statement may be sent, by its first words.
enum First {
    Fit,
    Refused(&'static str),
    /// It may contain other statements, so its end is not known.
    Unbounded,
}

/// The rest of the SQL.
#[derive(Clone, Copy)]
struct Text<'a> {
    rest: &'a [u8],
    syntax: &'a Syntax,
    reading: Reading,
    /// Whether each quoted text so far ends.
    is_whole: bool,
    /// Whether an executable comment is open.
    is_in_executable: bool,
}

impl<'a> Text<'a> {
    fn read(mut self) -> Found {
        let (mut statements, mut refused) = (0, None);
        loop {
            self.skip_blank();
            if self.rest.is_empty() {
                return Found { statements: refused.map_or(Ok(statements), Err), is_whole: self.is_whole };
            }
            statements += 1;
            match self.first() {
                First::Fit => self.skip_statement(),
                First::Refused(word) => {
                    refused.get_or_insert(word);
                    self.skip_statement();
                }
                First::Unbounded => self.rest = &[],
            }
        }
    }

    fn has(&self, feature: Feature) -> bool {
        self.syntax.features.contains(&feature)
    }

    /// Reads the first words of a statement.
    fn first(&mut self) -> First {
        let word = self.word();
        let is = |known: &str| word.eq_ignore_ascii_case(known.as_bytes());
        if let Some(refused) = self.syntax.refused.iter().copied().find(|refused| is(refused)) {
            return match refused {
                "create" | "drop" => self.temporary(refused),
                // MariaDB: a block of statements, which begins no transaction.
                "begin" if self.goes_on_with(&["not", "atomic"]) => First::Unbounded,
                // MariaDB: EXPLAIN that runs the statement.
                "analyze" if ANALYZED.iter().any(|word| self.goes_on_with(&[word])) => First::Fit,
                refused => First::Refused(refused),
            };
        }
        if is("set") || is("prepare") {
            return self.set();
        }
        First::Fit
    }

    /// Whether these words come next, one after another.
    fn goes_on_with(&self, words: &[&str]) -> bool {
        let mut ahead = *self;
        words.iter().all(|word| ahead.next_word().eq_ignore_ascii_case(word.as_bytes()))
    }

    /// CREATE [OR REPLACE] [GLOBAL | LOCAL] TEMPORARY, DROP TEMPORARY, and the same of a name in the schema of temporary
    /// tables: they change no schema that others see. Nor does DROP PREPARE.
    fn temporary(&self, refused: &'static str) -> First {
        let mut ahead = *self;
        if self.goes_on_with(&["prepare"]) || self.names_a_temporary() {
            return First::Fit;
        }
        loop {
            let word = ahead.next_word();
            if [&b"or"[..], b"replace", b"global", b"local"].iter().any(|known| word.eq_ignore_ascii_case(known)) {
                continue;
            }
            if !word.eq_ignore_ascii_case(b"temp") && !word.eq_ignore_ascii_case(b"temporary") {
                return First::Refused(refused);
            }
            // A trigger contains statements.
            return if ahead.next_word().eq_ignore_ascii_case(b"trigger") { First::Unbounded } else { First::Fit };
        }
    }

    /// TABLE, VIEW, .. [IF [NOT] EXISTS] temp.name
    fn names_a_temporary(&self) -> bool {
        let Some(schema) = self.syntax.temporary_schema else { return false };
        let mut ahead = *self;
        // Its kind.
        ahead.next_word();
        loop {
            let word = ahead.next_word();
            if ![&b"if"[..], b"not", b"exists"].iter().any(|known| word.eq_ignore_ascii_case(known)) {
                return word.eq_ignore_ascii_case(schema.as_bytes()) && ahead.rest.starts_with(b".");
            }
        }
    }

    /// SET [SESSION | GLOBAL | LOCAL] TRANSACTION, SET SESSION CHARACTERISTICS AS TRANSACTION, PREPARE TRANSACTION, SET
    /// SESSION autocommit, SET @@session.autocommit.
    fn set(&self) -> First {
        let mut ahead = *self;
        ahead.skip_blank();
        if ahead.rest.starts_with(b"@") && !ahead.rest.starts_with(b"@@") {
            // A variable of the user's own.
            return First::Fit;
        }
        loop {
            ahead.skip_blank();
            while let [b'.' | b'@', rest @ ..] = ahead.rest {
                ahead.rest = rest;
            }
            let word = ahead.next_word();
            let is = |known: &[u8]| word.eq_ignore_ascii_case(known);
            if is(b"autocommit") {
                return First::Refused("set autocommit");
            }
            if is(b"transaction") {
                return First::Refused("set transaction");
            }
            if ![&b"session"[..], b"global", b"local", b"characteristics", b"as"].into_iter().any(is) {
                return First::Fit;
            }
        }
    }

    fn next_word(&mut self) -> &'a [u8] {
        self.skip_blank();
        self.word()
    }

    /// Skips white space, empty statements and comments.
    fn skip_blank(&mut self) {
        loop {
            if self.skip_comment() {
                continue;
            }
            match self.rest {
                [b' ' | b'\t' | b'\r' | b'\n' | 0x0b | 0x0c | b';', rest @ ..] => self.rest = rest,
                _ => return,
            }
        }
    }

    /// Skips a comment, if one begins here; of an executable comment only its brackets.
    fn skip_comment(&mut self) -> bool {
        match self.rest {
            [b'*', b'/', rest @ ..] if self.is_in_executable => {
                self.is_in_executable = false;
                self.rest = rest;
            }
            [b'-', b'-', after @ ..]
                if !self.has(Feature::DashCommentNeedsBlank) || after.first().is_none_or(|byte| *byte <= b' ') =>
            {
                self.skip_line();
            }
            [b'#', ..] if self.has(Feature::HashComments) => self.skip_line(),
            [b'/', b'*', b'!', code @ ..] | [b'/', b'*', b'M', b'!', code @ ..]
                if self.has(Feature::ExecutableComments) =>
            {
                let version = code.iter().take_while(|byte| byte.is_ascii_digit()).count();
                self.is_in_executable = true;
                self.rest = &code[version..];
            }
            [b'/', b'*', ..] => self.skip_block_comment(),
            _ => return false,
        }
        true
    }

    fn skip_line(&mut self) {
        let carriage_return = self.has(Feature::CarriageReturnEndsLine);
        let end = self.rest.iter().position(|byte| *byte == b'\n' || (*byte == b'\r' && carriage_return));
        self.rest = end.map_or(&[], |end| &self.rest[end..]);
    }

    fn skip_block_comment(&mut self) {
        let mut depth = 0_usize;
        loop {
            match self.rest {
                [] => return,
                [b'/', b'*', rest @ ..] if depth == 0 || self.has(Feature::NestedComments) => {
                    depth += 1;
                    self.rest = rest;
                }
                [b'*', b'/', rest @ ..] => {
                    depth -= 1;
                    self.rest = rest;
                    if depth == 0 {
                        return;
                    }
                }
                [_, rest @ ..] => self.rest = rest,
            }
        }
    }

    /// Reads a name, a keyword or a number; nothing if none begins here.
    fn word(&mut self) -> &'a [u8] {
        // Each database takes letters beyond ASCII in a name, and a dollar sign after the first character.
        let is_letter = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_' || *byte >= 0x80;
        let length = match self.rest {
            [first, rest @ ..] if is_letter(first) => {
                1 + rest.iter().take_while(|byte| is_letter(byte) || **byte == b'$').count()
            }
            _ => 0,
        };
        let (word, rest) = self.rest.split_at(length);
        self.rest = rest;
        word
    }

    /// Skips the rest of this statement, with its quoted texts.
    fn skip_statement(&mut self) {
        loop {
            if self.skip_comment() {
                continue;
            }
            match self.rest {
                [] | [b';', ..] => return,
                [b'\'', ..] => self.skip_quoted(b'\'', self.reading.in_single_quotes),
                [b'"', ..] => self.skip_quoted(b'"', self.reading.in_double_quotes),
                [b'`', ..] if self.has(Feature::BacktickNames) => self.skip_quoted(b'`', false),
                [b'[', ..] if self.has(Feature::BracketNames) => self.skip_quoted(b']', false),
                [b'$', ..] if self.has(Feature::DollarQuotes) => self.skip_dollar_quoted(),
                _ => match self.word() {
                    [] => self.rest = &self.rest[1..],
                    [b'e' | b'E'] if self.has(Feature::EscapeStrings) && self.rest.starts_with(b"'") => {
                        self.skip_escape_string();
                    }
                    _ => {}
                },
            }
        }
    }

    /// Skips a quoted text. Its opening quote is one byte; the closing one stands for itself if it is doubled.
    fn skip_quoted(&mut self, close: u8, backslash_escapes: bool) {
        self.rest = &self.rest[1..];
        loop {
            match self.rest {
                [] => {
                    self.is_whole = false;
                    return;
                }
                [b'\\', _, rest @ ..] if backslash_escapes => self.rest = rest,
                [first, second, rest @ ..] if *first == close && *second == close => self.rest = rest,
                [first, rest @ ..] => {
                    self.rest = rest;
                    if *first == close {
                        return;
                    }
                }
            }
        }
    }

    /// Skips `'..'` in which a backslash escapes, and the parts that continue it on later lines.
    fn skip_escape_string(&mut self) {
        self.skip_quoted(b'\'', true);
        loop {
            let mut ahead = *self;
            ahead.skip_blank();
            let between = &self.rest[..self.rest.len() - ahead.rest.len()];
            if !ahead.rest.starts_with(b"'") || between.contains(&b';') || !between.contains(&b'\n') {
                return;
            }
            *self = ahead;
            self.skip_quoted(b'\'', true);
        }
    }

    /// Skips `$$..$$` or `$tag$..$tag$`, or only the dollar sign of something else.
    fn skip_dollar_quoted(&mut self) {
        let is_tag = |byte: &&u8| byte.is_ascii_alphanumeric() || **byte == b'_' || **byte >= 0x80;
        let tag = self.rest[1..].iter().take_while(is_tag).count();
        if self.rest.get(1 + tag) != Some(&b'$') || self.rest[1].is_ascii_digit() {
            self.rest = &self.rest[1..];
            return;
        }
        let (quote, text) = self.rest.split_at(tag + 2);
        let end = text.windows(quote.len()).position(|window| window == quote);
        self.is_whole &= end.is_some();
        self.rest = end.map_or(&[], |end| &text[end + quote.len()..]);
    }
}

#[cfg(all(test, feature = "sqlite", feature = "postgres", feature = "mysql"))]
mod tests {
    use proptest::prelude::*;

    use super::super::driver::Driver;
    use super::*;

    const SQLITE: Syntax = <sqlx::Sqlite as Driver>::SYNTAX;
    const POSTGRES: Syntax = <sqlx::Postgres as Driver>::SYNTAX;
    const MYSQL: Syntax = <sqlx::MySql as Driver>::SYNTAX;
    const ALL: [&Syntax; 3] = [&SQLITE, &POSTGRES, &MYSQL];

    fn refused(syntax: &Syntax, sql: &str) {
        assert!(count(sql, syntax).is_err(), "{sql}");
    }

    fn passes(syntax: &Syntax, sql: &str) {
        assert!(count(sql, syntax).is_ok(), "{sql}");
    }

    #[test]
    fn transaction_control_and_ddl_are_refused_wherever_they_hide() {
        for sql in [
            "COMMIT",
            "  rollback to x",
            "-- a\ncommit",
            "/* a */ Begin",
            "SELECT 1; COMMIT",
            "SELECT ';'; /* ; */ DROP TABLE t",
            "SELECT 'a\\\\'; COMMIT",
            "create table t (a int)",
            "CREATE OR REPLACE VIEW temp AS SELECT 1",
            "SAVEPOINT a",
            "RELEASE a",
            ";;commit",
        ] {
            for syntax in ALL {
                refused(syntax, sql);
            }
        }
        for sql in [
            "SET TRANSACTION ISOLATION LEVEL SERIALIZABLE",
            "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY",
            "PREPARE TRANSACTION 'x'",
            "SELECT $t$'$t$; COMMIT; SELECT ''",
            "SELECT 1 AS a$$; COMMIT; SELECT 1 AS b$$",
            "SELECT $1; COMMIT; SELECT $1",
            "SELECT E'a\\\\'; COMMIT",
            "SELECT 1 # 2; COMMIT",
            "/* /* */ */ COMMIT",
            "SELECT 1 -- \r; COMMIT",
            "BEGIN NOT DEFERRABLE",
            "DROP TABLE pg_temp",
            "CREATE TABLE if (a int)",
        ] {
            refused(&POSTGRES, sql);
        }
        for sql in [
            "/*!40101 COMMIT */",
            "/*M!100000 COMMIT */",
            "SELECT 1 /*! ; COMMIT */",
            "TRUNCATE t",
            "LOCK TABLES t WRITE",
            "FLUSH TABLES",
            "SET autocommit=1",
            "SET @@autocommit = 1",
            "SET SESSION autocommit = 1",
            "set @@session.autocommit = 1",
            "SET SESSION TRANSACTION READ ONLY",
            "SELECT 5--1; COMMIT",
            "SET @a = 1; SET @@autocommit = 0",
            "BEGIN WORK",
            "ANALYZE LOCAL TABLE t",
            "ANALYZE TABLE t",
            "DROP TABLE temp.t",
            "SELECT 'a' # '\n; COMMIT",
        ] {
            refused(&MYSQL, sql);
        }
        for sql in ["PRAGMA synchronous = OFF", "ATTACH 'x' AS x", "VACUUM", "SELECT [a']; COMMIT", "END"] {
            refused(&SQLITE, sql);
        }
    }

    #[test]
    fn ordinary_statements_pass() {
        for sql in [
            "",
            "SELECT 1",
            "(SELECT 1)",
            "UPDATE t SET a = 'x; COMMIT' WHERE b = \"; DROP\"",
            "INSERT INTO log (text) VALUES ('commit')",
            "WITH commit AS (SELECT 1) SELECT * FROM commit",
            "-- commit\nSELECT 1",
            "SELECT 1; SELECT 2;",
            "DELETE FROM t; -- rollback",
            "CREATE TEMPORARY TABLE t (a int)",
        ] {
            for syntax in ALL {
                passes(syntax, sql);
            }
        }
        for sql in [
            "LOCK TABLE t IN SHARE MODE",
            "TRUNCATE t",
            "SET LOCAL statement_timeout = '1s'",
            "SELECT $$; COMMIT$$",
            "SELECT $t$; COMMIT; $$ $t$",
            "SELECT E'it\\'s; COMMIT'",
            "SELECT E'a'\n'it\\'s; COMMIT'",
            "/* /* */ ; COMMIT */ SELECT 1",
            "CREATE TABLE IF NOT EXISTS pg_temp.t (a int)",
            "DROP TABLE pg_temp.t",
        ] {
            passes(&POSTGRES, sql);
        }
        for sql in [
            r"INSERT INTO notes VALUES ('it\'s done; start again')",
            r#"SELECT "it\"s done; start again""#,
            "SELECT 1 -- ; COMMIT\n",
            "SELECT `a;commit`",
            "DROP TEMPORARY TABLE t",
            "SHOW TABLES",
            "SET @transaction = 1",
            "SET @autocommit := 1, @session = 2",
            "PREPARE s FROM 'SELECT 1'; EXECUTE s; DROP PREPARE s",
            "BEGIN NOT ATOMIC SELECT 1; END",
            "ANALYZE FORMAT=JSON SELECT 1",
        ] {
            passes(&MYSQL, sql);
        }
        for sql in [
            "SELECT [; COMMIT]",
            "SELECT `; COMMIT`",
            "DROP TABLE IF EXISTS temp.t",
            "CREATE TEMP TRIGGER a AFTER INSERT ON t BEGIN SELECT 1; END",
        ] {
            passes(&SQLITE, sql);
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
            for syntax in ALL {
                assert_eq!(count(sql, syntax), Ok(statements), "{sql}");
            }
        }
        assert_eq!(count(r"SELECT t FROM notes WHERE t = 'it\'s; fine'", &MYSQL), Ok(1));
        assert_eq!(count("SELECT /*! STRAIGHT_JOIN */ a FROM t /*!50000 ; */", &MYSQL), Ok(1));
    }

    /// Texts that a careless guard takes for the end of a text, for a comment, or for a second statement.
    fn content() -> impl Strategy<Value = String> {
        const PIECES: &[&str] = &[
            "; COMMIT", "\\", "'", "\"", "`", "]", "[", "a", "E", " ", "\n", "\u{e9}", "--", "#", "/*", "*/", "$",
            "$$", "$t$",
        ];
        let any = proptest::sample::select(PIECES).prop_map(str::to_owned);
        (proptest::collection::vec(any.clone(), 0..8), proptest::collection::vec(any, 0..8))
            .prop_map(|(before, after)| format!("{}; COMMIT{}", before.concat(), after.concat()))
    }

    fn doubled(content: &str, quote: char) -> String {
        let quote = quote.to_string();
        format!("{quote}{}{quote}", content.replace(&quote, &quote.repeat(2)))
    }

    fn escaped(content: &str, quote: char) -> String {
        format!("{quote}{}{quote}", content.replace('\\', "\\\\").replace(quote, &format!("\\{quote}")))
    }

    /// The content as each database can write it, whatever the settings of the session are.
    fn literals(content: &str) -> [(&'static Syntax, Vec<String>); 3] {
        static OF: [&Syntax; 3] = [&SQLITE, &POSTGRES, &MYSQL];
        let mut sqlite = vec![doubled(content, '\''), doubled(content, '"'), doubled(content, '`')];
        if !content.contains(']') {
            sqlite.push(format!("[{content}]"));
        }
        let mut postgres = vec![
            doubled(content, '\''),
            doubled(content, '"'),
            escaped(content, '\''),
            format!("E{}", escaped(content, '\'')),
            format!("E'a'\n{}", escaped(content, '\'')),
        ];
        if !content.contains('$') {
            postgres.push(format!("$q${content}$q$"));
        }
        let mysql = vec![
            doubled(content, '\''),
            doubled(content, '"'),
            doubled(content, '`'),
            escaped(content, '\''),
            escaped(content, '"'),
        ];
        [(OF[0], sqlite), (OF[1], postgres), (OF[2], mysql)]
    }

    proptest! {
        #[test]
        fn a_statement_within_a_text_is_never_refused(content in content()) {
            for (syntax, literals) in literals(&content) {
                for literal in literals {
                    prop_assert!(count(&format!("SELECT {literal}"), syntax).is_ok(), "{literal}");
                    prop_assert!(count(&format!("SELECT {literal}, 1; SELECT 2"), syntax).is_ok(), "{literal}");
                }
            }
        }

        #[test]
        fn a_second_statement_outside_of_texts_is_refused(content in content()) {
            for (syntax, literals) in literals(&content) {
                // Only a backslash leaves it open whether a text has ended.
                for literal in literals.iter().filter(|literal| !literal.contains('\\')) {
                    prop_assert!(count(&format!("SELECT {literal}; COMMIT"), syntax).is_err(), "{literal}");
                }
            }
        }

        #[test]
        fn no_text_makes_it_panic(sql in "[-;'\"`\\\\$\\[\\]/*!#Ea0-9\n é]{0,40}") {
            for syntax in ALL {
                let _ = count(&sql, syntax);
            }
        }
    }
}
