//! Calls to branches, and their responses.
//!
//! The trait lets a simulated network take the place of the real one. The meaning of a response is in
//! `branchwire_protocol`, not here.

mod http;
mod json_rpc;
mod limited;
mod networks;
mod signing;
mod turns;

use std::time::Duration;

use branchwire_protocol::{Answer, LOCAL_BRANCH, Op};
use bytes::Bytes;
use futures_util::future::BoxFuture;
use url::Url;

pub use http::HttpTransport;
pub use limited::CallLimits;
pub(crate) use limited::Limited;
pub use networks::{InvalidNetwork, Networks};
pub use signing::SigningTransport;

use crate::engine::{Definition, pattern};

/// Carries calls to branches.
pub trait Transport: std::fmt::Debug + Send + Sync + 'static {
    /// Makes one call, within [`Call::timeout`].
    ///
    /// # Errors
    /// [`CallError`] if there is no response.
    fn call(&self, call: Call) -> BoxFuture<'static, Result<Response, CallError>>;
}

/// One call to a branch, or to query-prepared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// `POST`, or `GET` where there is no payload.
    pub method: ::http::Method,
    /// The branch's address with gid, `trans_type`, `branch_id` and op in its query; by JSON-RPC they are in the body.
    pub url: Url,
    /// The client's headers.
    pub headers: Vec<(String, String)>,
    /// The payload.
    pub body: Bytes,
    /// How long it may take, from its start to the end of the response.
    pub timeout: Duration,
    /// How long it may wait for its turn. It must not start later: another coordinator may make the same call by then.
    pub turn_timeout: Duration,
}

/// A branch's response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// The HTTP status.
    pub status: u16,
    /// The body, as far as it was read.
    pub body: Bytes,
}

impl Response {
    /// What it means for the call to a branch of this transaction at `url`.
    pub(crate) fn answer(&self, definition: &Definition, url: &str) -> Answer {
        if definition.protocol.is_rpc(url) {
            json_rpc::answer(self.status, &self.body)
        } else {
            Answer::read(self.status, &self.body)
        }
    }
}

/// Why there is no response. The texts are for logs.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CallError {
    /// The call was not made: too many others are in flight. Nothing is known about the branch.
    #[error("not called: {0}")]
    NotMade(String),
    /// The call was made, or was tried: the branch may have done its work all the same.
    #[error("{0}")]
    NoResponse(String),
}

/// Where a call goes, for the log: without the query, in which a client may have put anything.
pub(crate) fn host_and_path(address: &str) -> (String, String) {
    Url::parse(address).map_or_else(
        |_| (String::new(), String::new()),
        |url| (url[url::Position::BeforeHost..url::Position::AfterPort].to_owned(), url.path().to_owned()),
    )
}

impl Call {
    /// The call to a transaction's branch, by its index in the definition.
    ///
    /// # Errors
    /// [`CallError`] if its address is invalid.
    pub fn branch(definition: &Definition, index: usize) -> Result<Self, CallError> {
        let branch = &definition.branches[index];
        // A branch without a payload is called by GET.
        let method = if branch.payload.is_empty() { ::http::Method::GET } else { ::http::Method::POST };
        Self::new(definition, method, (&branch.url, branch.branch_id.as_str(), &branch.op), branch.payload.clone())
    }

    /// The call to query-prepared: has the local transaction committed?
    ///
    /// # Errors
    /// [`CallError`] if its address is invalid.
    pub fn query_prepared(definition: &Definition) -> Result<Self, CallError> {
        let pattern::Question { method, op, body } = pattern::of(definition.trans_type).question(definition);
        Self::new(definition, method, (&definition.query_prepared, LOCAL_BRANCH, &op), body)
    }

    fn new(
        definition: &Definition,
        method: ::http::Method,
        (address, branch_id, op): (&str, &str, &Op),
        payload: Bytes,
    ) -> Result<Self, CallError> {
        let mut url = Url::parse(address)
            .map_err(|error| CallError::NoResponse(format!("`{address}` is not a valid address: {error}")))?;
        let (method, body) = if definition.protocol.is_rpc(address) {
            let named = url.query_pairs().find(|(name, _)| name == "method");
            let named = named.map(|(_, value)| value.into_owned()).unwrap_or_default();
            let body = json_rpc::request(definition, &named, branch_id, op, &payload);
            (
                ::http::Method::POST,
                body.ok_or_else(|| CallError::NoResponse("the payload is no JSON object".to_owned()))?,
            )
        } else {
            url.query_pairs_mut()
                .append_pair("gid", definition.gid.as_str())
                .append_pair("trans_type", definition.trans_type.as_str())
                .append_pair("branch_id", branch_id)
                .append_pair("op", op.as_str());
            (method, payload)
        };
        Ok(Self {
            method,
            url,
            headers: definition.headers.iter().map(|(name, value)| (name.clone(), value.clone())).collect(),
            body,
            timeout: definition.timing.request_timeout,
            turn_timeout: definition.timing.request_timeout,
        })
    }
}
