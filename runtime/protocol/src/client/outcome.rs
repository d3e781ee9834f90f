//! Waits until it is known how a transaction has ended.

use std::time::Duration;

use super::{Client, ClientError};
use crate::{Gid, QueryAnswer, Status};

/// The first wait between two queries; it doubles each time.
const WAIT_MIN: Duration = Duration::from_millis(50);

/// The longest wait between two queries.
const WAIT_MAX: Duration = Duration::from_secs(5);

/// How a transaction has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
// Later patterns may end in more ways.
#[non_exhaustive]
pub enum Outcome {
    /// Everything was applied.
    Succeeded,
    /// Given up: no branch will be called any more. Nothing was applied, unless an administrator stopped it by force
    /// half-way.
    Failed {
        /// Why, in the coordinator's words; empty if it keeps none. For people, not for programs.
        reason: String,
    },
    /// The coordinator has no transaction with this gid: it never arrived, or was removed long after its end.
    NotRecorded,
}

impl Client {
    /// Waits until it is known how a transaction has ended.
    ///
    /// Repeats [`query`](Self::query), first after 50 ms and in the end every 5 s, while the transaction is open or the
    /// coordinator cannot answer. So set a limit: `tokio::time::timeout(limit, client.outcome(&gid))`. Dropping it
    /// changes nothing.
    ///
    /// # Errors
    /// [`ClientError`] if a retry would not help: a missing token, an address that is not a coordinator's.
    pub async fn outcome(&self, gid: &Gid) -> Result<Outcome, ClientError> {
        let mut wait = WAIT_MIN;
        loop {
            match self.query(gid).await {
                Ok(answer) => {
                    if let Some(outcome) = ended(answer) {
                        return Ok(outcome);
                    }
                }
                Err(error) if error.is_transient() => {}
                Err(error) => return Err(error),
            }
            tokio::time::sleep(wait).await;
            wait = (wait * 2).min(WAIT_MAX);
        }
    }
}

fn ended(answer: QueryAnswer) -> Option<Outcome> {
    let Some(record) = answer.transaction else { return Some(Outcome::NotRecorded) };
    match record.status.parse() {
        Ok(Status::Succeed) => Some(Outcome::Succeeded),
        Ok(Status::Failed) => Some(Outcome::Failed { reason: record.rollback_reason }),
        // A transaction with an unknown status has not ended.
        Ok(Status::Prepared | Status::Submitted | Status::Aborting) | Err(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::sync::Mutex;

    use bytes::Bytes;
    use futures_core::future::BoxFuture;
    use http::{Request, Response};

    use super::*;
    use crate::client::{Channel, ChannelError};

    /// Sends these responses, one after another. Status 0: none.
    struct Script(Mutex<VecDeque<(u16, &'static str)>>);

    impl Channel for Script {
        fn exchange(&self, _: Request<Bytes>) -> BoxFuture<'_, Result<Response<Bytes>, ChannelError>> {
            let (status, body) = self.0.lock().unwrap().pop_front().expect("no more questions");
            Box::pin(async move {
                if status == 0 {
                    return Err(ChannelError::NoAnswer("cut".into()));
                }
                Ok(Response::builder().status(status).body(Bytes::from_static(body.as_bytes())).unwrap())
            })
        }
    }

    async fn outcome(script: &[(u16, &'static str)]) -> Result<Outcome, ClientError> {
        let script = Script(Mutex::new(script.iter().copied().collect()));
        Client::with_channel(script).outcome(&Gid::new("g").unwrap()).await
    }

    const SUBMITTED: &str = r#"{"transaction":{"gid":"g","trans_type":"msg","status":"submitted"},"branches":[]}"#;
    const SUCCEED: &str = r#"{"transaction":{"gid":"g","trans_type":"msg","status":"succeed"},"branches":[]}"#;
    const FAILED: &str =
        r#"{"transaction":{"gid":"g","trans_type":"msg","status":"failed","rollback_reason":"no"},"branches":[]}"#;

    #[tokio::test(start_paused = true)]
    async fn the_outcome_is_waited_for_through_every_transient_trouble() {
        let script = [(0, ""), (503, ""), (200, SUBMITTED), (500, "{}"), (200, SUBMITTED), (200, SUCCEED)];
        assert_eq!(outcome(&script).await.unwrap(), Outcome::Succeeded);
        assert_eq!(outcome(&[(200, FAILED)]).await.unwrap(), Outcome::Failed { reason: "no".to_owned() });
        let nothing = r#"{"transaction":null,"branches":[]}"#;
        assert_eq!(outcome(&[(200, nothing)]).await.unwrap(), Outcome::NotRecorded);
    }

    #[tokio::test(start_paused = true)]
    async fn asking_the_wrong_address_is_an_error_and_not_a_wait() {
        for wrong in [(200, "<html>"), (401, ""), (404, "")] {
            assert!(outcome(&[wrong]).await.is_err(), "{wrong:?}");
        }
    }
}
