//! Error codes with which a database answers a COMMIT.

use std::borrow::Cow;
use std::error::Error;
use std::fmt;

use sqlx::error::{DatabaseError, ErrorKind};

use super::fate::Fate;

/// Codes that come before the commit record is written: nothing has committed. As PostgreSQL has them.
const CERTAIN: [&str; 4] = ["40001", "40P01", "23505", "25P02"];

/// Codes that leave open what has become of the transaction; the last one no database has yet.
const OPEN: [&str; 8] = ["40003", "XX000", "58030", "08006", "57P01", "57014", "53100", "ZZ999"];

/// A code by chance, and whether it is certain.
pub(super) fn draw(fate: &Fate) -> (&'static str, bool) {
    let certain = fate.chance(20);
    let codes: &[&str] = if certain { &CERTAIN } else { &OPEN };
    let index = usize::try_from(fate.below(codes.len() as u64)).unwrap_or(0);
    (codes[index], certain)
}

/// The error with this code.
pub(super) fn error(code: &'static str) -> sqlx::Error {
    sqlx::Error::Database(Box::new(Coded(code)))
}

#[derive(Debug)]
struct Coded(&'static str);

impl fmt::Display for Coded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "simulated: {}", self.0)
    }
}

impl Error for Coded {}

impl DatabaseError for Coded {
    fn message(&self) -> &str {
        self.0
    }

    fn code(&self) -> Option<Cow<'_, str>> {
        Some(self.0.into())
    }

    fn as_error(&self) -> &(dyn Error + Send + Sync + 'static) {
        self
    }

    fn as_error_mut(&mut self) -> &mut (dyn Error + Send + Sync + 'static) {
        self
    }

    fn into_error(self: Box<Self>) -> Box<dyn Error + Send + Sync + 'static> {
        self
    }

    fn kind(&self) -> ErrorKind {
        ErrorKind::Other
    }
}
