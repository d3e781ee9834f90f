//! One call of a TCC's branch: its registration, and its try.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::Deserialize;
use tokio::time::{Instant, sleep, timeout};

use super::CallError;
use crate::branch::{TccBranch, TccParts};
use crate::client::{Client, ClientError, TryCall};
use crate::protocol::{Answer, Gid, TccRegistration, TransType, Transaction};

/// The timeout of one call of a try. DTM's default for its own calls.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(3);

/// How often a try is called that gives no clear answer.
const ATTEMPTS_MAX: u32 = 3;

/// The first wait before a repetition; it doubles each time.
const WAIT_MIN: Duration = Duration::from_millis(50);

/// What the calls of one TCC share.
#[doc(hidden)]
#[derive(Debug)]
pub struct Caller {
    client: Client,
    gid: Gid,
    headers: Vec<(String, String)>,
    request_timeout: Duration,
    deadline: Instant,
    is_another: AtomicBool,
}

impl Caller {
    pub(super) fn new(client: &Client, gid: &Gid, transaction: &Transaction, deadline: Instant) -> Self {
        let options = &transaction.options;
        Self {
            client: client.clone(),
            gid: gid.clone(),
            headers: options.branch_headers.clone().unwrap_or_default().into_iter().collect(),
            request_timeout: match u64::try_from(options.request_timeout) {
                Ok(seconds @ 1..) => Duration::from_secs(seconds),
                _ => REQUEST_TIMEOUT,
            },
            deadline,
            is_another: AtomicBool::new(false),
        }
    }

    /// Whether another call under this gid has registered other branches.
    pub(super) fn is_another(&self) -> bool {
        self.is_another.load(Ordering::Relaxed)
    }

    pub(super) fn gid(&self) -> &Gid {
        &self.gid
    }

    /// Registers a branch under the id of this number, and calls its try.
    pub(super) async fn call<R>(&self, number: usize, branch: TccBranch<R>) -> Result<R, CallError> {
        let TccParts { first, confirm, cancel, payload, read } =
            branch.into_parts(self.client.payload_limit()).map_err(|source| CallError::Payload { number, source })?;
        let branch_id = format!("{number:02}");
        let mut registration = TccRegistration {
            gid: self.gid.to_string(),
            trans_type: TransType::Tcc.to_string(),
            branch_id: branch_id.clone(),
            data: payload.clone(),
            confirm,
            cancel,
        };
        self.client.seal_branch(&mut registration).map_err(|source| CallError::Unsignable { number, source })?;
        self.register(&registration).await.map_err(|source| CallError::NotRegistered { number, source })?;
        let body = self.call_try(number, &first, &branch_id, payload).await?;
        read(&value_in(&body)).map_err(|source| CallError::Unreadable { number, source })
    }

    /// Registers a branch; again with the same id while the answer is not clear.
    async fn register(&self, registration: &TccRegistration) -> Result<(), ClientError> {
        let mut wait = WAIT_MIN;
        loop {
            match self.client.register_branch(registration).await {
                Ok(()) => return Ok(()),
                Err(error) if error.is_transient() && Instant::now() + wait < self.deadline => sleep(wait).await,
                Err(error) => {
                    if matches!(error, ClientError::OtherTransaction { .. }) {
                        self.is_another.store(true, Ordering::Relaxed);
                    }
                    return Err(error);
                }
            }
            wait *= 2;
        }
    }

    /// Calls a try; again while it gives no clear answer, since it applies once. Returns the body of its success.
    async fn call_try(&self, number: usize, url: &str, branch_id: &str, payload: String) -> Result<Bytes, CallError> {
        let payload = Bytes::from(payload);
        let mut wait = WAIT_MIN;
        for attempt in 1.. {
            let answer =
                timeout(self.request_timeout, self.client.call_try(self.try_call(url, branch_id, &payload))).await;
            let why: Box<dyn std::error::Error + Send + Sync> = match answer {
                Err(elapsed) => elapsed.into(),
                Ok(Err(error)) => error.into(),
                Ok(Ok(response)) => {
                    let status = response.status().as_u16();
                    match Answer::read(status, response.body()) {
                        Answer::Success => return Ok(response.into_body()),
                        Answer::Failure => return Err(CallError::Refused { number }),
                        Answer::Ongoing | Answer::Unknown => unclear(status).into(),
                    }
                }
            };
            if attempt == ATTEMPTS_MAX || Instant::now() + wait >= self.deadline {
                return Err(CallError::NoAnswer { number, source: why });
            }
            tracing::warn!(gid = %self.gid, branch_id, error = &*why as &dyn std::error::Error, "a try is called again");
            sleep(wait).await;
            wait *= 2;
        }
        unreachable!("the last attempt returns")
    }

    fn try_call<'c>(&'c self, url: &'c str, branch_id: &'c str, payload: &Bytes) -> TryCall<'c> {
        TryCall { url, gid: &self.gid, branch_id, headers: &self.headers, body: payload.clone() }
    }
}

/// An answer that is neither a yes nor a no; what to do about it, where it says that the call was not signed as it should be.
fn unclear(status: u16) -> String {
    let advice = match status {
        401 => {
            ": it takes signed calls only, and a client signs the tries that it makes under any coordinator: \
             `Client::sign_messages` (feature `auth`)"
        }
        403 => ": it does not accept this client's signature: compare the keys of both, and their clocks",
        404 => ": no branch is at this address: another service answers there, or its router is nested",
        _ => "",
    };
    format!("it answered {status}{advice}")
}

/// The JSON that a try has returned; `null` if it has returned none.
fn value_in(body: &[u8]) -> Vec<u8> {
    /// The field that is used.
    #[derive(Deserialize)]
    struct WithValue {
        data: String,
    }
    let value = serde_json::from_slice(body).ok().and_then(|WithValue { data }| STANDARD.decode(data).ok());
    value.unwrap_or_else(|| b"null".to_vec())
}
