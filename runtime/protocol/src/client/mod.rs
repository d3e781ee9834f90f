//! The coordinator's HTTP API, as its clients see it. Any DTM server answers it, and Branchwire's own coordinator.

mod http_channel;
mod submit;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_core::future::BoxFuture;
use http::{HeaderValue, Method, Request, Response, StatusCode};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use self::http_channel::HttpChannel;
pub use self::submit::Submit;
use crate::{Answer, BASE_PATH, Gid, InvalidUrl, QueryAnswer, ServiceUrl, Transaction};

/// How long a call to the coordinator may take, unless set otherwise.
pub const COORDINATOR_TIMEOUT: Duration = Duration::from_secs(10);

/// The most of an answer that is read, in bytes.
const ANSWER_BYTES_MAX: usize = 16 * 1024 * 1024;

/// The most of a coordinator's message that is kept, in characters.
const MESSAGE_CHARS_MAX: usize = 300;

/// A coordinator's client. Cheap to clone; keep one for each coordinator, since it keeps connections.
#[derive(Clone)]
pub struct Client {
    channel: Arc<dyn Channel>,
    authorization: Option<HeaderValue>,
    seal: Option<Arc<Seal>>,
}

/// What is done to a message before the coordinator sees it first.
pub(crate) type Seal = dyn Fn(&mut Transaction) -> Result<(), Box<dyn std::error::Error + Send + Sync>> + Send + Sync;

/// A text that cannot be a bearer token: it is empty, or has characters other than visible ASCII.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a token has one character or more, all of them visible ASCII")]
pub struct InvalidToken;

/// How requests reach a coordinator: over HTTP, or within the process.
///
/// A request's URI is a path and query, such as `/api/dtmsvr/submit`.
pub trait Channel: Send + Sync + 'static {
    /// Sends one request and reads the whole answer.
    ///
    /// # Errors
    /// [`ChannelError`]; whether the coordinator has seen the request is in its variant.
    fn exchange(&self, request: Request<Bytes>) -> BoxFuture<'_, Result<Response<Bytes>, ChannelError>>;
}

/// A request that got no answer.
#[derive(Debug, thiserror::Error)]
pub enum ChannelError {
    /// It was never sent: the coordinator has seen nothing of it.
    #[error("the coordinator cannot be reached")]
    NotSent(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// It was sent, or part of it was, and no answer came: the coordinator may have carried it out.
    #[error("the coordinator did not answer")]
    NoAnswer(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// A call to the coordinator that did not succeed.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// It was not sent: nothing has happened. Try again when the coordinator can be reached.
    #[error("the coordinator cannot be reached: nothing has happened")]
    NotSent(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// No answer came: whether it was carried out is not known. [`Client::query`] may tell.
    #[error("the coordinator did not answer: whether it has carried this out is not known")]
    NoAnswer(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The coordinator refused (409): the transaction is in a state that does not allow it. Nothing was changed.
    #[error("the coordinator refused: {message}")]
    Refused {
        /// Its own words, cut to a few hundred characters.
        message: String,
    },
    /// The coordinator says that it is still working on it (425).
    #[error("the coordinator is still working on it")]
    Ongoing,
    /// Any other answer than success: the request is wrong, or the coordinator is in trouble.
    #[error("the coordinator answered {status}: {message}")]
    Failed {
        /// The HTTP status.
        status: u16,
        /// Its own words, cut to a few hundred characters.
        message: String,
    },
    /// The answer cannot be read: what answers there may be no coordinator.
    #[error("the answer cannot be read: is this the address of a coordinator?")]
    Unreadable(#[source] serde_json::Error),
}

impl ClientError {
    /// Whether it may be carried out later, though it is not yet: there was no answer, or a proxy said so of its server,
    /// or the coordinator of its store.
    pub(crate) fn may_still_be_done(&self) -> bool {
        match self {
            Self::NoAnswer(_) | Self::Unreadable(_) | Self::Failed { status: 502 | 504, .. } => true,
            Self::NotSent(_) | Self::Refused { .. } | Self::Ongoing | Self::Failed { .. } => false,
        }
    }
}

impl Client {
    /// A client of the coordinator at this address: `http://127.0.0.1:36789`, with or without `/api/dtmsvr`.
    ///
    /// # Errors
    /// [`InvalidUrl`] if it is not an http or https address, or TLS cannot be had for an https one.
    pub fn new(url: impl AsRef<str>) -> Result<Self, InvalidUrl> {
        Self::with_timeout(url, COORDINATOR_TIMEOUT)
    }

    /// The same, with the time that one call may take. With `wait_result` that covers a run over all branches.
    ///
    /// # Errors
    /// [`InvalidUrl`] if it is not an http or https address, or TLS cannot be had for an https one.
    pub fn with_timeout(url: impl AsRef<str>, timeout: Duration) -> Result<Self, InvalidUrl> {
        let url = url.as_ref().trim_end_matches('/');
        let url = ServiceUrl::new(url.strip_suffix(BASE_PATH).unwrap_or(url))?;
        Ok(Self::with_channel(HttpChannel::new(url, timeout)?))
    }

    /// A client whose requests go another way, such as to a coordinator in the same process.
    pub fn with_channel(channel: impl Channel) -> Self {
        Self { channel: Arc::new(channel), authorization: None, seal: None }
    }

    /// Shows this token to the coordinator with every request, as `Authorization: Bearer TOKEN`.
    ///
    /// Over plain http everybody on the way reads it: use https, or a network that is trusted.
    ///
    /// # Errors
    /// [`InvalidToken`] if it cannot stand in a header.
    pub fn bearer_token(mut self, token: &str) -> Result<Self, InvalidToken> {
        if token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(InvalidToken);
        }
        let mut authorization = HeaderValue::try_from(format!("Bearer {token}")).map_err(|_| InvalidToken)?;
        authorization.set_sensitive(true);
        self.authorization = Some(authorization);
        Ok(self)
    }

    /// Does something to every message before it is sent.
    #[cfg(feature = "auth")]
    pub(crate) fn with_seal(self, seal: Arc<Seal>) -> Self {
        Self { seal: Some(seal), ..self }
    }

    /// Does to a message what is to be done before it is sent.
    #[doc(hidden)]
    pub fn seal(&self, transaction: &mut Transaction) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        self.seal.as_ref().map_or(Ok(()), |seal| seal(transaction))
    }

    /// A new gid from the coordinator. Usually not needed: [`Gid::random`] makes one without asking.
    ///
    /// # Errors
    /// [`ClientError`]: nothing has happened.
    pub async fn new_gid(&self) -> Result<Gid, ClientError> {
        /// The part that counts.
        #[derive(Deserialize)]
        struct NewGid {
            gid: Gid,
        }
        Ok(self.get::<NewGid>("newGid", "").await?.gid)
    }

    /// Records a transaction that is not to be carried out yet.
    ///
    /// # Errors
    /// [`ClientError`]: do not go on.
    pub async fn prepare(&self, transaction: &Transaction) -> Result<(), ClientError> {
        self.post("prepare", transaction).await
    }

    /// Has a transaction carried out, whether it was prepared or not.
    ///
    /// # Errors
    /// [`ClientError`]: with `NoAnswer` and `Failed` it may be carried out all the same.
    pub async fn submit(&self, transaction: &Transaction) -> Result<(), ClientError> {
        self.post("submit", transaction).await
    }

    /// Ends a prepared message without carrying it out.
    ///
    /// # Errors
    /// [`ClientError`]; `Refused` if it is no longer prepared.
    pub async fn abort(&self, transaction: &Transaction) -> Result<(), ClientError> {
        self.post("abort", transaction).await
    }

    /// What the coordinator knows of a transaction.
    ///
    /// # Errors
    /// [`ClientError`]: nothing was learned.
    pub async fn query(&self, gid: &Gid) -> Result<QueryAnswer, ClientError> {
        let gid: String = url::form_urlencoded::byte_serialize(gid.as_str().as_bytes()).collect();
        self.get("query", &format!("?gid={gid}")).await
    }

    /// The coordinator's version.
    ///
    /// # Errors
    /// [`ClientError`]: nothing was learned.
    pub async fn version(&self) -> Result<String, ClientError> {
        /// The part that counts.
        #[derive(Deserialize)]
        struct Version {
            version: String,
        }
        Ok(self.get::<Version>("version", "").await?.version)
    }

    async fn get<T: DeserializeOwned>(&self, call: &str, query: &str) -> Result<T, ClientError> {
        let answer = self.exchange(Method::GET, &format!("{BASE_PATH}/{call}{query}"), Bytes::new()).await?;
        // What was asked for may hold any text, so the words of a refusal do not count here, only the status.
        if answer.status() == StatusCode::OK {
            serde_json::from_slice(answer.body()).map_err(ClientError::Unreadable)
        } else {
            Err(failed(&answer))
        }
    }

    async fn post(&self, call: &str, transaction: &Transaction) -> Result<(), ClientError> {
        let body = serde_json::to_vec(transaction).expect("a transaction is strings and numbers");
        let answer = self.exchange(Method::POST, &format!("{BASE_PATH}/{call}"), body.into()).await?;
        match Answer::read(answer.status().as_u16(), answer.body()) {
            Answer::Success => Ok(()),
            Answer::Failure => Err(ClientError::Refused { message: message(answer.body()) }),
            Answer::Ongoing => Err(ClientError::Ongoing),
            Answer::Unknown => Err(failed(&answer)),
        }
    }

    async fn exchange(&self, method: Method, path: &str, body: Bytes) -> Result<Response<Bytes>, ClientError> {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header(http::header::CONTENT_TYPE, "application/json")
            .body(body)
            .expect("the path is made of our own words and an encoded gid");
        if let Some(authorization) = &self.authorization {
            request.headers_mut().insert(http::header::AUTHORIZATION, authorization.clone());
        }
        self.channel.exchange(request).await.map_err(|error| match error {
            ChannelError::NotSent(source) => ClientError::NotSent(source),
            ChannelError::NoAnswer(source) => ClientError::NoAnswer(source),
        })
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").finish_non_exhaustive()
    }
}

fn failed(answer: &Response<Bytes>) -> ClientError {
    ClientError::Failed { status: answer.status().as_u16(), message: message(answer.body()) }
}

/// The message in an answer, or the answer's text, cut.
fn message(body: &[u8]) -> String {
    /// The part that counts.
    #[derive(Deserialize)]
    struct Said {
        message: String,
    }
    let text = serde_json::from_slice::<Said>(body)
        .map_or_else(|_| String::from_utf8_lossy(body).into_owned(), |said| said.message);
    text.chars().filter(|character| !character.is_control()).take(MESSAGE_CHARS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Answers every request with one fixed answer.
    struct Says(u16, &'static str);

    impl Channel for Says {
        fn exchange(&self, _: Request<Bytes>) -> BoxFuture<'_, Result<Response<Bytes>, ChannelError>> {
            let answer = Response::builder().status(self.0).body(Bytes::from_static(self.1.as_bytes())).unwrap();
            Box::pin(async { Ok(answer) })
        }
    }

    async fn submit(status: u16, body: &'static str) -> Result<(), ClientError> {
        Client::with_channel(Says(status, body)).submit(&Transaction::default()).await
    }

    #[tokio::test]
    async fn an_answer_is_good_only_with_status_200_and_without_the_word_failure() {
        assert!(submit(200, r#"{"dtm_result":"SUCCESS"}"#).await.is_ok());
        assert!(matches!(submit(200, "FAILURE").await, Err(ClientError::Refused { .. })));
        assert!(
            matches!(submit(409, r#"{"message":"no"}"#).await, Err(ClientError::Refused { message }) if message == "no")
        );
        assert!(matches!(submit(425, "ONGOING").await, Err(ClientError::Ongoing)));
        assert!(matches!(submit(500, "x").await, Err(ClientError::Failed { status: 500, .. })));
    }

    #[tokio::test]
    async fn a_query_whose_answer_holds_the_word_failure_is_still_read() {
        let body = r#"{"transaction":{"gid":"g","status":"failed","rollback_reason":"FAILURE"},"branches":[]}"#;
        let answer = Client::with_channel(Says(200, body)).query(&Gid::new("g").unwrap()).await.unwrap();
        assert_eq!(answer.transaction.unwrap().status, "failed");
    }
}
