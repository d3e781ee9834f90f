//! The end of waiting for a database that does not answer.

use std::io::{Error, ErrorKind};
use std::time::Duration;

use tokio::time::timeout;

/// How long work of our own on a database may take, from the connection to the commit. Longer than a pool lets its callers wait
/// by default.
const ANSWER_TIMEOUT: Duration = Duration::from_mins(1);

/// Gives up work on a database that has not ended after a minute.
///
/// For work in the background: no caller waits for it, so no caller ends it. On a network that has gone silent it would wait for
/// ever.
///
/// # Errors
/// Those of the work; [`sqlx::Error::Io`] after a minute, and then it may have had its effect.
pub(crate) async fn in_time<T>(work: impl Future<Output = Result<T, sqlx::Error>>) -> Result<T, sqlx::Error> {
    timeout(ANSWER_TIMEOUT, work).await.unwrap_or_else(|_elapsed| {
        Err(sqlx::Error::Io(Error::new(
            ErrorKind::TimedOut,
            format!("the database has not answered for {ANSWER_TIMEOUT:?}"),
        )))
    })
}
