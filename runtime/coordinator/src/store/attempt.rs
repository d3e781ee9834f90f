//! Repeats a write until its outcome is certain.

use std::time::Duration;

use tokio::time::Instant;

use super::StoreError;

/// How often a write is attempted before it counts as failed, or as unknown.
const ATTEMPTS: u32 = 4;

/// How long to wait for an unreachable database that may have carried out a write. Long enough for a failover or a
/// restart.
const OUTAGE_TIMEOUT: Duration = Duration::from_secs(10);

/// The pause before the next attempt to reach it.
const RECONNECT_INTERVAL: Duration = Duration::from_millis(100);

/// Why one attempt failed.
#[derive(Debug)]
pub(super) enum Failure {
    /// Nothing was written, and an immediate retry is of no use.
    Refused(StoreError),
    /// Nothing was written, and a retry may well succeed: a deadlock, for example. Holds the error to return if no
    /// retry does.
    #[cfg_attr(not(any(feature = "postgres", feature = "mysql")), expect(dead_code, reason = "SQLite has one writer"))]
    Transient(StoreError),
    /// Nothing was written: this server takes no writes. A new connection may lead to the primary.
    ReadOnly(String),
    /// Nothing was written: the database cannot be reached.
    #[cfg_attr(not(any(feature = "postgres", feature = "mysql")), expect(dead_code, reason = "a file is there"))]
    Unreachable(String),
    /// It is unknown whether the write is, or still will be, committed: the response to a COMMIT was lost, or is not
    /// conclusive. The write must be executed again, under conditions that make this harmless. Reading instead would
    /// miss a write that is still in flight.
    Doubt(String),
}

impl Failure {
    /// The error to return if the write is not attempted again.
    pub(super) fn into_error(self) -> StoreError {
        match self {
            Self::Refused(error) | Self::Transient(error) => error,
            Self::ReadOnly(text) | Self::Unreachable(text) => StoreError::Unavailable(text),
            Self::Doubt(text) => StoreError::Unknown(text),
        }
    }

    /// The error of a read: a read changes nothing, so it is never in doubt.
    #[cfg_attr(not(any(feature = "postgres", feature = "mysql")), allow(dead_code, reason = "for servers"))]
    pub(super) fn into_unread(self) -> StoreError {
        match self.into_error() {
            StoreError::Data(text) | StoreError::Unavailable(text) | StoreError::Unknown(text) => {
                StoreError::Unavailable(text)
            }
        }
    }

    /// Whether the connection can still be used after this failure. In doubt it cannot: it might still carry out the
    /// write.
    pub(super) fn leaves_connection(&self) -> bool {
        match self {
            Self::Refused(_) | Self::Transient(_) => true,
            Self::ReadOnly(_) | Self::Unreachable(_) | Self::Doubt(_) => false,
        }
    }
}

/// Attempts a write until its outcome is certain. `attempt` gets `true` if an earlier attempt may have been carried
/// out.
///
/// # Errors
/// [`StoreError::Unknown`] if an attempt ended in doubt and none succeeded after it, else the last attempt's error.
pub(super) async fn until_certain<T, F>(mut attempt: impl FnMut(bool) -> F) -> Result<T, StoreError>
where
    F: Future<Output = Result<T, Failure>>,
{
    let mut doubt = None;
    let mut attempts = 0;
    let mut in_doubt_since = Instant::now();
    loop {
        let failure = match attempt(doubt.is_some()).await {
            Ok(done) => return Ok(done),
            Err(failure) => failure,
        };
        attempts += 1;
        let last = match failure {
            Failure::Unreachable(_) if doubt.is_some() && in_doubt_since.elapsed() < OUTAGE_TIMEOUT => {
                attempts = 0;
                tokio::time::sleep(RECONNECT_INTERVAL).await;
                continue;
            }
            // An earlier attempt in doubt may have written it all the same.
            Failure::Refused(_) | Failure::Unreachable(_) => return Err(doubt.unwrap_or(failure.into_error())),
            Failure::Transient(_) | Failure::ReadOnly(_) => failure.into_error(),
            Failure::Doubt(text) => {
                tracing::warn!(error = text, "the result of a commit is not known; its writes are executed again");
                if doubt.is_none() {
                    in_doubt_since = Instant::now();
                }
                let error = StoreError::Unknown(text);
                doubt = Some(error.clone());
                error
            }
        };
        if attempts >= ATTEMPTS {
            return Err(doubt.unwrap_or(last));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn outcome(failures: &mut Vec<Failure>) -> Result<(), StoreError> {
        until_certain(|_| std::future::ready(failures.pop().map_or(Ok(()), Err))).await
    }

    fn unavailable() -> StoreError {
        StoreError::Unavailable("down".to_owned())
    }

    fn doubt() -> Failure {
        Failure::Doubt("lost".to_owned())
    }

    fn unknown() -> StoreError {
        StoreError::Unknown("lost".to_owned())
    }

    #[tokio::test]
    async fn a_write_in_doubt_is_repeated_and_never_reported_as_failed() {
        assert_eq!(outcome(&mut vec![doubt()]).await, Ok(()));
        let refused_after_doubt = &mut vec![Failure::Refused(unavailable()), doubt()];
        assert_eq!(outcome(refused_after_doubt).await, Err(unknown()));
        assert_eq!(outcome(&mut vec![Failure::Refused(unavailable())]).await, Err(unavailable()));
    }

    #[tokio::test]
    async fn only_attempts_after_a_doubt_run_in_doubt() {
        let mut told = Vec::new();
        let mut failures = vec![doubt(), Failure::Transient(unavailable())];
        let attempt = |in_doubt| {
            told.push(in_doubt);
            std::future::ready(failures.pop().map_or(Ok(()), Err))
        };
        until_certain(attempt).await.unwrap();
        assert_eq!(told, [false, false, true]);
    }

    #[tokio::test]
    async fn a_server_that_became_read_only_is_followed_by_a_new_connection() {
        assert_eq!(outcome(&mut vec![Failure::ReadOnly("replica".to_owned())]).await, Ok(()));
        assert!(!Failure::ReadOnly(String::new()).leaves_connection());
        assert!(Failure::Transient(unavailable()).leaves_connection());
    }

    #[tokio::test]
    async fn a_deadlock_is_tried_again_but_not_for_ever() {
        let again = || Failure::Transient(unavailable());
        assert_eq!(outcome(&mut vec![again(), again()]).await, Ok(()));
        let mut many = (0..10).map(|_| again()).collect();
        assert_eq!(outcome(&mut many).await, Err(unavailable()));
        assert_eq!(many.len(), 6, "four attempts");
    }

    #[tokio::test(start_paused = true)]
    async fn only_a_write_in_doubt_waits_for_an_unreachable_database() {
        let away = || Failure::Unreachable("down".to_owned());
        let mut fail_over: Vec<_> = (0..50).map(|_| away()).collect();
        fail_over.push(doubt());
        assert_eq!(outcome(&mut fail_over).await, Ok(()));
        let mut gone: Vec<_> = (0..500).map(|_| away()).collect();
        gone.push(doubt());
        assert_eq!(outcome(&mut gone).await, Err(unknown()));
        assert_eq!(outcome(&mut vec![away()]).await, Err(unavailable()));
    }
}
