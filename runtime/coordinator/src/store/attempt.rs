//! Doing a thing on a database again where that is right.

use super::StoreError;

/// How often a thing is done before it counts as failed, or as unknown.
const ATTEMPTS: u32 = 4;

/// Why one attempt failed.
#[derive(Debug)]
pub(super) enum Failure {
    /// It was not done, and it is of no use to do it again at once.
    Certain(StoreError),
    /// It was not done, and may well succeed if done again: a deadlock, say.
    Again(String),
    /// It may be done, or not, or may be about to be: the answer to a COMMIT was lost. It must be done again, under
    /// conditions that make this harmless; only looking whether it is done would overlook one that is on its way.
    Doubt(String),
}

impl Failure {
    /// The error of a thing that is not attempted again.
    #[cfg(any(feature = "postgres", feature = "mysql"))]
    pub(super) fn into_error(self) -> StoreError {
        match self {
            Self::Certain(error) => error,
            Self::Again(text) => StoreError::Unavailable(text),
            Self::Doubt(text) => StoreError::Unknown(text),
        }
    }
}

/// Attempts a thing until its outcome is certain.
///
/// # Errors
/// [`StoreError::Unknown`] if there was doubt at the last attempt but none succeeded, else the last attempt's error.
pub(super) async fn until_certain<T, F>(mut attempt: impl FnMut() -> F) -> Result<T, StoreError>
where
    F: Future<Output = Result<T, Failure>>,
{
    let mut doubt = None;
    let mut last = String::new();
    for _ in 0..ATTEMPTS {
        match attempt().await {
            Ok(done) => return Ok(done),
            // What is refused now may have been done before.
            Err(Failure::Certain(error)) => return Err(doubt.unwrap_or(error)),
            Err(Failure::Again(text)) => last = text,
            Err(Failure::Doubt(text)) => {
                tracing::warn!(error = text, "the result of a commit is not known; its writes are executed again");
                doubt = Some(StoreError::Unknown(text));
            }
        }
    }
    Err(doubt.unwrap_or(StoreError::Unavailable(last)))
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn outcome(failures: &mut Vec<Failure>) -> Result<(), StoreError> {
        until_certain(|| std::future::ready(failures.pop().map_or(Ok(()), Err))).await
    }

    fn unavailable() -> StoreError {
        StoreError::Unavailable("down".to_owned())
    }

    #[tokio::test]
    async fn what_is_in_doubt_is_done_again_and_never_said_to_have_failed() {
        let doubt = || Failure::Doubt("lost".to_owned());
        assert_eq!(outcome(&mut vec![doubt()]).await, Ok(()));
        let down_after_doubt = &mut vec![Failure::Certain(unavailable()), doubt()];
        assert_eq!(outcome(down_after_doubt).await, Err(StoreError::Unknown("lost".to_owned())));
        assert_eq!(outcome(&mut vec![Failure::Certain(unavailable())]).await, Err(unavailable()));
    }

    #[tokio::test]
    async fn a_deadlock_is_tried_again_but_not_for_ever() {
        let again = || Failure::Again("deadlock".to_owned());
        assert_eq!(outcome(&mut vec![again(), again()]).await, Ok(()));
        let mut many = (0..10).map(|_| again()).collect();
        assert_eq!(outcome(&mut many).await, Err(StoreError::Unavailable("deadlock".to_owned())));
        assert_eq!(many.len(), 6, "four attempts");
    }
}
