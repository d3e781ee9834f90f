//! What is certain after an error of PostgreSQL.

use crate::store::StoreError;
use crate::store::attempt::Failure;

/// The error in words. sqlx adds to a message of the server the line in PostgreSQL's own C sources; here stands its code.
pub(super) fn text(error: &sqlx::Error) -> String {
    match error {
        sqlx::Error::Database(cause) => match cause.code() {
            Some(code) => format!("the database says: {} ({code})", cause.message()),
            None => format!("the database says: {}", cause.message()),
        },
        _ => error.to_string(),
    }
}

/// Classifies the error of a statement, which includes its commit.
pub(super) fn classify(error: &sqlx::Error) -> Failure {
    let text = text(error);
    match error {
        // Nothing was sent.
        sqlx::Error::Encode(_) => Failure::Refused(StoreError::Data(text)),
        sqlx::Error::Database(error) => of_code(error.code().as_deref().unwrap_or_default(), text),
        _ => Failure::Doubt(text),
    }
}

/// Each certain code has its reason below. All other codes are doubt, among them 40003 (statement completion unknown),
/// 08 (connection), 57P (the server ends, perhaps while it waited for a standby), 58 (system) and XX (internal).
fn of_code(code: &str, text: String) -> Failure {
    match code {
        // The server, or the default of our role, allows no writes: refused before anything was changed.
        "25006" => Failure::ReadOnly(text),
        // Serialization failure and deadlock: PostgreSQL rolled the transaction back, and a retry may succeed. Lock
        // timeout and cancellation by `statement_timeout`: the statement was ended before its commit began.
        "40001" | "40P01" | "55P03" | "57014" => Failure::Transient(StoreError::Unavailable(text)),
        // The class of the code is the reason; each of these ends the statement before its commit.
        code => match code.get(..2).unwrap_or_default() {
            // Values that a column cannot hold, constraints, limits of a row.
            "22" | "23" | "54" => Failure::Refused(StoreError::Data(text)),
            // No permission, no such table or column; a feature that the server lacks; no such database or schema; no
            // room for another row, lock or sort.
            "42" | "0A" | "3D" | "3F" | "53" => Failure::Refused(StoreError::Unavailable(text)),
            _ => Failure::Doubt(text),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_that_say_nothing_certain_are_doubt() {
        for code in
            ["40003", "58030", "58P01", "XX000", "XX001", "08006", "08P01", "57P01", "57P02", "25P02", "", "7", "ZZ9"]
        {
            let failure = of_code(code, String::new());
            assert!(matches!(failure, Failure::Doubt(_)), "{code}: {failure:?}");
        }
    }

    #[test]
    fn codes_that_are_certain_say_what_to_do() {
        for code in ["22001", "23505", "54000"] {
            assert!(matches!(of_code(code, String::new()), Failure::Refused(StoreError::Data(_))), "{code}");
        }
        for code in ["42501", "42P01", "53100", "0A000"] {
            assert!(matches!(of_code(code, String::new()), Failure::Refused(StoreError::Unavailable(_))), "{code}");
        }
        for code in ["40001", "40P01", "55P03", "57014"] {
            assert!(matches!(of_code(code, String::new()), Failure::Transient(_)), "{code}");
        }
        assert!(matches!(of_code("25006", String::new()), Failure::ReadOnly(_)));
    }

    #[test]
    fn an_error_that_is_not_the_servers_is_doubt() {
        assert!(matches!(classify(&sqlx::Error::WorkerCrashed), Failure::Doubt(_)));
    }
}
