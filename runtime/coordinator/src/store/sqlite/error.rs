//! What is certain after an error of SQLite.

use rusqlite::ErrorCode::{
    AuthorizationForStatementDenied, CannotOpen, ConstraintViolation, DatabaseBusy, DatabaseLocked, DiskFull,
    OutOfMemory, PermissionDenied, ReadOnly, SchemaChanged, TooBig, TypeMismatch,
};

use rusqlite::ffi;

use crate::store::StoreError;
use crate::store::attempt::Failure;

/// Classifies the error of a statement. (A failed COMMIT is always doubt.) Each certain code has its reason below. All
/// other codes are doubt, among them IOERR, CORRUPT, NOTADB and INTERNAL.
pub(super) fn classify(error: &rusqlite::Error) -> Failure {
    let text = error.to_string();
    if let rusqlite::Error::ToSqlConversionFailure(_) = error {
        // Nothing was executed.
        return Failure::Refused(StoreError::Data(text));
    }
    match error.sqlite_error_code() {
        // The data breaks a rule of its table, and the statement is undone.
        Some(ConstraintViolation | TooBig | TypeMismatch) => Failure::Refused(StoreError::Data(text)),
        // The file is read-only, or was replaced by another one.
        Some(ReadOnly) => Failure::ReadOnly(text),
        // Another program locks the file; no room, no memory; no permission; no such file: the statement is undone, or
        // was not begun.
        Some(
            DatabaseBusy
            | DatabaseLocked
            | DiskFull
            | OutOfMemory
            | PermissionDenied
            | AuthorizationForStatementDenied
            | CannotOpen
            | SchemaChanged,
        ) => Failure::Refused(StoreError::Unavailable(text)),
        // No such table or column: the statement was not begun.
        _ if error.sqlite_error().is_some_and(|error| error.extended_code == ffi::SQLITE_ERROR) => {
            Failure::Refused(StoreError::Unavailable(text))
        }
        _ => Failure::Doubt(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_code(code: i32) -> Failure {
        classify(&rusqlite::Error::SqliteFailure(ffi::Error::new(code), None))
    }

    #[test]
    fn codes_that_say_nothing_certain_are_doubt() {
        for code in [ffi::SQLITE_IOERR, ffi::SQLITE_IOERR_FSYNC, ffi::SQLITE_CORRUPT, ffi::SQLITE_NOTADB, 2, 77] {
            assert!(matches!(of_code(code), Failure::Doubt(_)), "{code}: {:?}", of_code(code));
        }
    }

    #[test]
    fn codes_that_are_certain_say_what_to_do() {
        for code in [ffi::SQLITE_CONSTRAINT_PRIMARYKEY, ffi::SQLITE_TOOBIG, ffi::SQLITE_MISMATCH] {
            assert!(matches!(of_code(code), Failure::Refused(StoreError::Data(_))), "{code}: {:?}", of_code(code));
        }
        for code in [ffi::SQLITE_READONLY, ffi::SQLITE_READONLY_DBMOVED, ffi::SQLITE_READONLY_DIRECTORY] {
            assert!(matches!(of_code(code), Failure::ReadOnly(_)), "{code}: {:?}", of_code(code));
        }
        for code in [ffi::SQLITE_BUSY, ffi::SQLITE_FULL, ffi::SQLITE_CANTOPEN, ffi::SQLITE_ERROR] {
            assert!(
                matches!(of_code(code), Failure::Refused(StoreError::Unavailable(_))),
                "{code}: {:?}",
                of_code(code)
            );
        }
    }
}
