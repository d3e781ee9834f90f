//! What is certain after an error of MySQL or MariaDB.

use sqlx::error::DatabaseError;
use sqlx::mysql::MySqlDatabaseError;

use crate::store::StoreError;
use crate::store::attempt::Failure;

/// Classifies the error of a statement. (An error at the COMMIT of a text of statements is a protocol error, and so
/// doubt.)
pub(super) fn classify(error: &sqlx::Error) -> Failure {
    let text = error.to_string();
    match error {
        // Nothing was sent.
        sqlx::Error::Encode(_) => Failure::Refused(StoreError::Data(text)),
        sqlx::Error::Database(error) => of_number(number(error.as_ref()), text),
        _ => Failure::Doubt(text),
    }
}

/// The server's number of the error.
pub(super) fn number(error: &(dyn DatabaseError + 'static)) -> u16 {
    error.try_downcast_ref::<MySqlDatabaseError>().map_or(0, MySqlDatabaseError::number)
}

/// Whether the statement was refused because of `binlog_format=STATEMENT`.
pub(super) fn is_of_the_binlog(error: &str) -> bool {
    error.contains(": 1665 (HY000)")
}

/// Each certain number has its reason below. All others are doubt, among them 1053 (shutdown), 1317 and 1927
/// (interrupted, killed), 3101 (rolled back by a plugin at the commit), 1030 and 1105 (a storage engine's, unknown).
fn of_number(number: u16, text: String) -> Failure {
    match number {
        // `read_only` or a similar setting, a read-only transaction, or a Galera node that is cut off. Refused before
        // anything was changed.
        1290 | 1792 | 1836 | 1047 => Failure::ReadOnly(text),
        // Lock wait timeout, deadlock: rolled back, and a retry may succeed.
        1205 | 1213 => Failure::Transient(StoreError::Unavailable(text)),
        // Duplicate key: another coordinator has just inserted it. If this repeats, another gid compares as equal, or a
        // branch was left over.
        1062 => Failure::Transient(StoreError::Data(text)),
        // NULL, packet too large, value out of range, incorrect value, too long: the statement fails before it is committed.
        1048 | 1153 | 1264 | 1366 | 1406 => Failure::Refused(StoreError::Data(text)),
        // No permission; no such database, column, or table; a syntax that the server lacks: the statement is not
        // executed.
        1044 | 1049 | 1054 | 1064 | 1142 | 1143 | 1146 | 1227
        // Disk or table full: InnoDB rolls the statement back.
        | 1021 | 1114
        // `binlog_format=STATEMENT`: checked before the statement is executed.
        | 1665 => Failure::Refused(StoreError::Unavailable(text)),
        _ => Failure::Doubt(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_that_say_nothing_certain_are_doubt() {
        for number in [0, 1030, 1053, 1105, 1180, 1317, 1927, 2013, 3101, 8022, 9007] {
            let failure = of_number(number, String::new());
            assert!(matches!(failure, Failure::Doubt(_)), "{number}: {failure:?}");
        }
    }

    #[test]
    fn numbers_that_are_certain_say_what_to_do() {
        for number in [1290, 1792, 1836, 1047] {
            assert!(matches!(of_number(number, String::new()), Failure::ReadOnly(_)), "{number}");
        }
        for number in [1205, 1213, 1062] {
            assert!(matches!(of_number(number, String::new()), Failure::Transient(_)), "{number}");
        }
        for number in [1048, 1406] {
            assert!(matches!(of_number(number, String::new()), Failure::Refused(StoreError::Data(_))), "{number}");
        }
        for number in [1142, 1114, 1665] {
            assert!(
                matches!(of_number(number, String::new()), Failure::Refused(StoreError::Unavailable(_))),
                "{number}"
            );
        }
    }
}
