//! A client of the coordinator's HTTP API, which DTM servers and Branchwire's own coordinator have.

mod channel;
mod error;
mod http_channel;
mod line;
mod outcome;
mod plain_channel;
mod response;
mod submit;
mod try_call;

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response};
use serde::{Deserialize, Serialize};

pub use self::channel::Channel;
pub use self::error::{ChannelError, ClientError};
use self::http_channel::{HttpChannel, IDLE_MAX};
pub use self::outcome::Outcome;
use self::plain_channel::PlainChannel;
use self::response::GidWas;
pub use self::submit::Submit;
pub use self::try_call::TryCall;
use crate::{BASE_PATH, Gid, InvalidUrl, QueryAnswer, ServiceUrl, Standing, TccRegistration, Transaction};

/// The default timeout of a call to the coordinator.
pub const COORDINATOR_TIMEOUT: Duration = Duration::from_secs(10);

/// A coordinator's client. Cheap to clone; keep one for each coordinator, since it keeps connections.
#[derive(Clone)]
pub struct Client {
    channel: Arc<dyn Channel>,
    authorization: Option<HeaderValue>,
    signer: Option<Arc<dyn Signer>>,
    /// The way to branches, if one was called or set.
    branches: Arc<OnceLock<Box<dyn Channel>>>,
    /// Whether the coordinator has shown that it compares what is sent under a gid with what it has.
    compares: Arc<AtomicBool>,
}

/// Any error, boxed.
type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Signs what a client sends, and what it calls.
pub(crate) trait Signer: Send + Sync {
    /// Adds the signatures of all calls of a transaction that are known before it is sent.
    fn seal(&self, transaction: &mut Transaction) -> Result<(), BoxError>;

    /// Adds the signatures of a branch's calls to its addresses.
    fn seal_branch(&self, branch: &mut TccRegistration) -> Result<(), BoxError>;

    /// Signs a call of a branch that the client makes itself: the value of the header of signed calls.
    fn sign_call(&self, url: &url::Url, body: &[u8]) -> Option<String>;
}

/// A text that is not a valid bearer token: it is empty, or has characters other than visible ASCII.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a token has one character or more, all of them visible ASCII")]
pub struct InvalidToken;

impl Client {
    /// A client of the coordinator at this address: `http://127.0.0.1:36789`, with or without `/api/dtmsvr`.
    ///
    /// # Errors
    /// [`InvalidUrl`] if it is not an http or https address, or is an https address and TLS is not available.
    pub fn new(url: impl AsRef<str>) -> Result<Self, InvalidUrl> {
        Self::with_timeout(url, COORDINATOR_TIMEOUT)
    }

    /// The same, with a timeout for one call. With `wait_result` a call includes a run over all branches.
    ///
    /// # Errors
    /// [`InvalidUrl`] if it is not an http or https address, or is an https address and TLS is not available.
    pub fn with_timeout(url: impl AsRef<str>, timeout: Duration) -> Result<Self, InvalidUrl> {
        let url = url.as_ref().trim_end_matches('/');
        let url = ServiceUrl::new(url.strip_suffix(BASE_PATH).unwrap_or(url))?;
        if !is_https(&url) {
            return Ok(Self::with_channel(PlainChannel::new(&url, timeout, IDLE_MAX)?));
        }
        if cfg!(feature = "tls") {
            return Ok(Self::with_channel(HttpChannel::new(url, timeout)?));
        }
        Err(InvalidUrl::new("https needs the feature `tls` of `branchwire`"))
    }

    /// A client that sends its requests over this channel, for example to a coordinator in the same process.
    pub fn with_channel(channel: impl Channel) -> Self {
        let (channel, branches, compares) = (Arc::new(channel), Arc::default(), Arc::default());
        Self { channel, authorization: None, signer: None, branches, compares }
    }

    /// Sends this token to the coordinator with every request, as `Authorization: Bearer TOKEN`.
    ///
    /// Over plain http it can be read in transit: use https, or a trusted network.
    ///
    /// # Errors
    /// [`InvalidToken`] if it cannot be a header's value.
    pub fn bearer_token(mut self, token: &str) -> Result<Self, InvalidToken> {
        if token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(InvalidToken);
        }
        let mut authorization = HeaderValue::try_from(format!("Bearer {token}")).map_err(|_| InvalidToken)?;
        authorization.set_sensitive(true);
        self.authorization = Some(authorization);
        Ok(self)
    }

    /// Has this sign all that is sent, and all calls that this client makes of a branch.
    #[cfg(feature = "auth")]
    pub(crate) fn with_signer(self, signer: impl Signer + 'static) -> Self {
        Self { signer: Some(Arc::new(signer)), ..self }
    }

    /// Signs the message, if this client signs.
    #[doc(hidden)]
    pub fn seal(&self, transaction: &mut Transaction) -> Result<(), BoxError> {
        self.signer.as_ref().map_or(Ok(()), |signer| signer.seal(transaction))
    }

    /// Signs the calls of a branch that is to be registered, if this client signs.
    #[doc(hidden)]
    pub fn seal_branch(&self, branch: &mut TccRegistration) -> Result<(), BoxError> {
        self.signer.as_ref().map_or(Ok(()), |signer| signer.seal_branch(branch))
    }

    /// A new gid from the coordinator. Usually not needed: [`Gid::random`] makes one without asking.
    ///
    /// # Errors
    /// [`ClientError`]: nothing has happened.
    pub async fn new_gid(&self) -> Result<Gid, ClientError> {
        /// The field that is used.
        #[derive(Deserialize)]
        struct NewGid {
            gid: Gid,
        }
        let response = self.get("newGid", "").await?;
        response::acknowledged(&response)?;
        Ok(response::told::<NewGid>(&response)?.gid)
    }

    /// Records a transaction without carrying it out yet.
    ///
    /// # Errors
    /// [`ClientError`]: do not go on.
    pub async fn prepare(&self, transaction: &Transaction) -> Result<(), ClientError> {
        self.open("prepare", transaction).await.map(drop)
    }

    /// [`prepare`](Self::prepare) under a gid that its caller has named: another transaction may have it as well.
    ///
    /// A DTM server acknowledges the prepare although it has another transaction, and later calls the branches of that one. So
    /// a coordinator that does not say that it has compared the two is asked what it has.
    ///
    /// # Errors
    /// [`ClientError`]: do not go on.
    #[doc(hidden)]
    pub async fn prepare_named(&self, gid: &Gid, transaction: &Transaction) -> Result<(), ClientError> {
        if self.open("prepare", transaction).await? == GidWas::NotSaid
            && self.query(gid).await?.standing_of(transaction) == Standing::Another
        {
            return Err(ClientError::OtherTransaction { message: "it was prepared earlier".to_owned() });
        }
        Ok(())
    }

    /// What the coordinator has under this gid before a submit; `None` if it does not answer, or compares by itself and says what
    /// it had.
    ///
    /// A DTM server carries out what is submitted under the gid of another transaction: a part of the one, and a part of the
    /// other. So this is asked before a submit under a gid that its caller has named.
    #[doc(hidden)]
    pub async fn earlier(&self, gid: &Gid) -> Option<QueryAnswer> {
        if self.compares.load(Ordering::Relaxed) { None } else { self.query(gid).await.ok() }
    }

    /// `prepare` or `submit`.
    async fn open(&self, call: &str, transaction: &Transaction) -> Result<GidWas, ClientError> {
        let was = self.post(call, transaction).await?;
        self.compares.store(was != GidWas::NotSaid, Ordering::Relaxed);
        Ok(was)
    }

    /// Has a transaction carried out, whether it was prepared or not.
    ///
    /// # Errors
    /// [`ClientError`]: unless [`nothing_happened`](ClientError::nothing_happened), it may be carried out nevertheless.
    pub async fn submit(&self, transaction: &Transaction) -> Result<(), ClientError> {
        self.open("submit", transaction).await.map(drop)
    }

    /// Ends a prepared message without carrying it out, or rolls a TCC or a saga back.
    ///
    /// # Errors
    /// [`ClientError`]; `Refused` if that is not possible any more.
    pub async fn abort(&self, transaction: &Transaction) -> Result<(), ClientError> {
        self.post("abort", transaction).await.map(drop)
    }

    /// Adds a branch to a prepared TCC, before its try is called.
    ///
    /// # Errors
    /// [`ClientError`]: unless [`nothing_happened`](ClientError::nothing_happened), it may be registered nevertheless, and the
    /// same registration can be sent again. (A DTM server answers that with 500.)
    pub async fn register_branch(&self, branch: &TccRegistration) -> Result<(), ClientError> {
        self.post("registerBranch", branch).await.map(drop)
    }

    /// The coordinator's record of a transaction.
    ///
    /// # Errors
    /// [`ClientError`]: nothing was learned.
    pub async fn query(&self, gid: &Gid) -> Result<QueryAnswer, ClientError> {
        let asked: String = url::form_urlencoded::byte_serialize(gid.as_str().as_bytes()).collect();
        let answer: QueryAnswer = response::told(&self.get("query", &format!("?gid={asked}")).await?)?;
        match &answer.transaction {
            // A database that ignores case can find the row of another gid.
            Some(record) if record.gid != gid.as_str() => {
                Err(ClientError::Unreadable(serde::de::Error::custom("it is about a transaction with another gid")))
            }
            _ => Ok(answer),
        }
    }

    /// The coordinator's version.
    ///
    /// # Errors
    /// [`ClientError`]: nothing was learned.
    pub async fn version(&self) -> Result<String, ClientError> {
        /// The field that is used.
        #[derive(Deserialize)]
        struct Version {
            version: String,
        }
        Ok(response::told::<Version>(&self.get("version", "").await?)?.version)
    }

    async fn get(&self, call: &str, query: &str) -> Result<Response<Bytes>, ClientError> {
        self.exchange(Method::GET, &format!("{BASE_PATH}/{call}{query}"), Bytes::new()).await
    }

    async fn post(&self, call: &str, body: &impl Serialize) -> Result<GidWas, ClientError> {
        let body = serde_json::to_vec(body).expect("a request is strings and numbers");
        response::acknowledged(&self.exchange(Method::POST, &format!("{BASE_PATH}/{call}"), body.into()).await?)
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

/// Schemes are the same in capitals.
fn is_https(url: &ServiceUrl) -> bool {
    url.as_str().as_bytes().get(..5).is_some_and(|scheme| scheme.eq_ignore_ascii_case(b"https"))
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use futures_core::future::BoxFuture;

    use super::*;

    /// Sends one fixed response to every request.
    struct Says(u16, &'static str);

    impl Channel for Says {
        fn exchange(&self, _: Request<Bytes>) -> BoxFuture<'_, Result<Response<Bytes>, ChannelError>> {
            let answer = Response::builder().status(self.0).body(Bytes::from_static(self.1.as_bytes())).unwrap();
            Box::pin(async { Ok(answer) })
        }
    }

    fn client(status: u16, body: &'static str) -> Client {
        Client::with_channel(Says(status, body))
    }

    async fn submit(status: u16, body: &'static str) -> Result<(), ClientError> {
        client(status, body).submit(&Transaction::default()).await
    }

    fn gid() -> Gid {
        Gid::new("g").unwrap()
    }

    #[tokio::test]
    async fn a_response_is_good_only_with_status_200_and_the_word_success_in_json() {
        assert!(submit(200, r#"{"dtm_result":"SUCCESS"}"#).await.is_ok());
        for failure in [(200, r#"{"dtm_result":"FAILURE"}"#), (409, r#"{"dtm_result":"FAILURE","message":"no"}"#)] {
            assert!(matches!(submit(failure.0, failure.1).await, Err(ClientError::Refused { .. })), "{failure:?}");
        }
        let refused = submit(409, r#"{"message":"no FAILURE"}"#).await;
        assert!(matches!(refused, Err(ClientError::Refused { message, .. }) if message == "no FAILURE"));
        assert!(matches!(submit(425, r#"{"dtm_result":"ONGOING"}"#).await, Err(ClientError::Ongoing)));
        assert!(matches!(submit(500, "x").await, Err(ClientError::Failed { status: 500, .. })));
    }

    /// Bodies of 200 responses from servers that are not coordinators.
    const NOT_A_COORDINATOR: [&str; 8] = [
        "",
        "OK",
        "SUCCESS",
        "<html>Welcome, FAILURE and SUCCESS</html>",
        "{}",
        "null",
        r#"{"status":"SUCCESS"}"#,
        r#"{"dtm_result":"success"}"#,
    ];

    #[tokio::test]
    async fn f05_a_server_that_is_no_coordinator_is_not_believed() {
        for body in NOT_A_COORDINATOR {
            let (client, transaction) = (client(200, body), Transaction::default());
            for result in [
                client.prepare(&transaction).await,
                client.submit(&transaction).await,
                client.abort(&transaction).await,
                client.new_gid().await.map(drop),
                client.query(&gid()).await.map(drop),
                client.version().await.map(drop),
            ] {
                assert!(matches!(result, Err(ClientError::Unreadable(_))), "{body:?}: {result:?}");
            }
            assert!(matches!(client.submit_or_query(&transaction).await, Submit::Unknown(_)), "{body:?}");
        }
        assert!(matches!(client(200, r#"{"gid":"g"}"#).new_gid().await, Err(ClientError::Unreadable(_))));
        // Early Data of TLS: a proxy sends 425 for a request that it did not pass on.
        assert!(matches!(submit(425, "").await, Err(ClientError::Failed { status: 425, .. })));
    }

    #[tokio::test]
    async fn f05_a_query_is_believed_only_if_it_is_about_this_gid_and_whole() {
        for body in [
            r#"{"transaction":{"gid":"other","trans_type":"msg","status":"failed"},"branches":[]}"#,
            r#"{"transaction":{"gid":"g"},"branches":[]}"#,
            r#"{"transaction":{},"branches":[]}"#,
            r#"{"branches":[]}"#,
            r#"{"transaction":null}"#,
        ] {
            let result = client(200, body).query(&gid()).await;
            assert!(matches!(result, Err(ClientError::Unreadable(_))), "{body}: {result:?}");
        }
    }

    #[tokio::test]
    async fn a_query_whose_answer_holds_the_word_failure_is_still_read() {
        let body = r#"{"transaction":{"gid":"g","trans_type":"msg","status":"failed","rollback_reason":"FAILURE"},
            "branches":null}"#;
        let answer = client(200, body).query(&gid()).await.unwrap();
        assert_eq!(answer.transaction.unwrap().status, "failed");
    }

    #[tokio::test]
    async fn f11_a_clear_no_is_told_from_what_may_have_been_carried_out() {
        for (status, nothing_happened) in [
            (301, true),
            (307, true),
            (400, true),
            (401, true),
            (403, true),
            (404, true),
            (405, true),
            (408, false),
            (409, true),
            (413, true),
            (415, true),
            (425, true),
            (429, true),
            (500, false),
            (501, true),
            (502, false),
            (503, true),
            (504, false),
            (201, false),
            (202, false),
            (204, false),
            (499, false),
            (520, false),
        ] {
            let error = submit(status, "").await.unwrap_err();
            assert_eq!(error.nothing_happened(), nothing_happened, "{status}");
            let transaction = Transaction { gid: "g".into(), ..Transaction::default() };
            let submit = client(status, "").submit_or_query(&transaction).await;
            assert_eq!(matches!(submit, Submit::NotTaken(_)), nothing_happened, "{status}: {submit:?}");
        }
    }

    /// A proxy's 503, with the name of its server.
    struct Envoy(&'static str);

    impl Channel for Envoy {
        fn exchange(&self, _: Request<Bytes>) -> BoxFuture<'_, Result<Response<Bytes>, ChannelError>> {
            let answer = Response::builder().status(503).header("server", "istio-envoy");
            Box::pin(async { Ok(answer.body(Bytes::from_static(self.0.as_bytes())).unwrap()) })
        }
    }

    #[tokio::test]
    async fn f11_a_503_of_envoy_is_no_clear_no_since_it_may_have_passed_the_request_on() {
        let reset = "upstream connect error or disconnect/reset before headers. reset reason: connection termination";
        // The coordinator's own answer as well: Envoy repeats requests, and another coordinator may have it.
        for body in [reset, BUSY] {
            let error = Client::with_channel(Envoy(body)).submit(&Transaction::default()).await.unwrap_err();
            assert!(matches!(error, ClientError::NoAnswer(_)), "{error:?}");
        }
    }

    /// As a coordinator answers that has no room.
    const BUSY: &str = r#"{"message":"too many requests are waiting"}"#;

    const NOTHING: &str = r#"{"transaction":null,"branches":[]}"#;
    const SUBMITTED: &str = r#"{"transaction":{"gid":"g","trans_type":"saga","status":"submitted"},"branches":[]}"#;
    const SUCCEED: &str = r#"{"transaction":{"gid":"g","trans_type":"saga","status":"succeed"},"branches":[]}"#;

    /// Answers a submit, and the question for its status.
    struct Repeats {
        submit: (u16, &'static str),
        query: (u16, &'static str),
    }

    impl Channel for Repeats {
        fn exchange(&self, request: Request<Bytes>) -> BoxFuture<'_, Result<Response<Bytes>, ChannelError>> {
            let (status, body) = if request.uri().path().ends_with("query") { self.query } else { self.submit };
            let answer = Response::builder().status(status).body(Bytes::from_static(body.as_bytes())).unwrap();
            Box::pin(async { Ok(answer) })
        }
    }

    #[tokio::test]
    async fn a_no_to_a_request_that_a_proxy_has_repeated_is_no_no_if_the_first_coordinator_has_it() {
        let transaction = Transaction { gid: "g".to_owned(), trans_type: "saga".to_owned(), ..Transaction::default() };
        let submit =
            async |submit, query| Client::with_channel(Repeats { submit, query }).submit_or_query(&transaction).await;
        // Whatever the second coordinator says, what the first one has recorded counts.
        for status in [301, 400, 401, 403, 404, 413, 429, 500, 501, 503] {
            for body in ["", BUSY] {
                let told = submit((status, body), (200, SUBMITTED)).await;
                assert!(matches!(told, Submit::Acknowledged { finished: false, .. }), "{status} {body}: {told:?}");
                let told = submit((status, body), (200, SUCCEED)).await;
                assert!(matches!(told, Submit::Acknowledged { finished: true, .. }), "{status} {body}: {told:?}");
                let told = submit((status, body), (200, NOTHING)).await;
                assert!(matches!(told, Submit::NotTaken(_)), "{status} {body}: {told:?}");
            }
        }
        // The status is not told either. A coordinator's own 503 speaks for one coordinator only.
        for query in [(503, BUSY), (503, ""), (502, ""), (500, "")] {
            let told = submit((503, BUSY), query).await;
            assert!(matches!(told, Submit::Unknown(_)), "{query:?}: {told:?}");
            let told = submit((401, ""), query).await;
            assert!(matches!(told, Submit::NotTaken(_)), "{query:?}: {told:?}");
        }
    }

    #[tokio::test]
    async fn only_a_coordinators_own_word_says_that_a_gid_is_that_of_another_transaction() {
        let another = r#"{"dtm_result":"FAILURE","message":"FAILURE","other_transaction":true}"#;
        assert!(matches!(submit(409, another).await, Err(ClientError::OtherTransaction { .. })));
        let refused = r#"{"dtm_result":"FAILURE","message":"the gid belongs to another transaction"}"#;
        assert!(matches!(submit(409, refused).await, Err(ClientError::Refused { .. })));
        let transaction = Transaction { gid: "g".to_owned(), ..Transaction::default() };
        assert!(matches!(client(409, another).submit_or_query(&transaction).await, Submit::Another));
    }
}
