//! Doing a thing on a database again where that is right.

use std::time::Duration;

use tokio::time::Instant;

use super::StoreError;

/// How often a thing is done before it counts as failed, or as unknown.
const ATTEMPTS: u32 = 4;

/// How long a database that is away is waited for when it may have done a thing: a fail-over, a restart.
const PATIENCE: Duration = Duration::from_secs(10);

/// The pause before a database that is away is looked for again.
const PAUSE: Duration = Duration::from_millis(100);

/// Why one attempt failed.
#[derive(Debug)]
pub(super) enum Failure {
    /// It was not done, and it is of no use to do it again at once.
    Certain(StoreError),
    /// It was not done, and may well succeed if done again: a deadlock, say. The error is for when it never does.
    #[cfg_attr(not(any(feature = "postgres", feature = "mysql")), expect(dead_code, reason = "SQLite has one writer"))]
    Again(StoreError),
    /// It was not done: the database cannot be reached.
    #[cfg_attr(not(any(feature = "postgres", feature = "mysql")), expect(dead_code, reason = "a file is there"))]
    Away(String),
    /// It may be done, or not, or may be about to be: the answer to a COMMIT was lost. It must be done again, under
    /// conditions that make this harmless; only looking whether it is done would overlook one that is on its way.
    Doubt(String),
}

impl Failure {
    /// The error of a thing that is not attempted again.
    #[cfg(any(feature = "postgres", feature = "mysql"))]
    pub(super) fn into_error(self) -> StoreError {
        match self {
            Self::Certain(error) | Self::Again(error) => error,
            Self::Away(text) => StoreError::Unavailable(text),
            Self::Doubt(text) => StoreError::Unknown(text),
        }
    }
}

/// Attempts a thing until its outcome is certain. Each attempt is told whether one before it may have been done.
///
/// # Errors
/// [`StoreError::Unknown`] if there was doubt and no attempt succeeded since, else the last attempt's error.
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
            Failure::Away(_) if doubt.is_some() && in_doubt_since.elapsed() < PATIENCE => {
                attempts = 0;
                tokio::time::sleep(PAUSE).await;
                continue;
            }
            // What is refused now may have been done before.
            Failure::Certain(error) => return Err(doubt.unwrap_or(error)),
            Failure::Away(text) => return Err(doubt.unwrap_or(StoreError::Unavailable(text))),
            Failure::Again(error) => error,
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
    async fn what_is_in_doubt_is_done_again_and_never_said_to_have_failed() {
        assert_eq!(outcome(&mut vec![doubt()]).await, Ok(()));
        let refused_after_doubt = &mut vec![Failure::Certain(unavailable()), doubt()];
        assert_eq!(outcome(refused_after_doubt).await, Err(unknown()));
        assert_eq!(outcome(&mut vec![Failure::Certain(unavailable())]).await, Err(unavailable()));
    }

    #[tokio::test]
    async fn only_what_follows_a_doubt_is_told_of_it() {
        let mut told = Vec::new();
        let mut failures = vec![doubt(), Failure::Again(unavailable())];
        let attempt = |in_doubt| {
            told.push(in_doubt);
            std::future::ready(failures.pop().map_or(Ok(()), Err))
        };
        until_certain(attempt).await.unwrap();
        assert_eq!(told, [false, false, true]);
    }

    #[tokio::test]
    async fn a_deadlock_is_tried_again_but_not_for_ever() {
        let again = || Failure::Again(unavailable());
        assert_eq!(outcome(&mut vec![again(), again()]).await, Ok(()));
        let mut many = (0..10).map(|_| again()).collect();
        assert_eq!(outcome(&mut many).await, Err(unavailable()));
        assert_eq!(many.len(), 6, "four attempts");
    }

    #[tokio::test(start_paused = true)]
    async fn a_database_that_is_away_is_waited_for_only_in_doubt() {
        let away = || Failure::Away("down".to_owned());
        let mut fail_over: Vec<_> = (0..50).map(|_| away()).collect();
        fail_over.push(doubt());
        assert_eq!(outcome(&mut fail_over).await, Ok(()));
        let mut gone: Vec<_> = (0..500).map(|_| away()).collect();
        gone.push(doubt());
        assert_eq!(outcome(&mut gone).await, Err(unknown()));
        assert_eq!(outcome(&mut vec![away()]).await, Err(unavailable()));
    }
}
