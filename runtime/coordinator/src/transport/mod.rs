//! Calls to branches: what is asked, and what is heard.
//!
//! The trait is where a simulated network takes the place of the real one. How an answer is to be understood is said in
//! `branchwire::protocol`, not here.

mod http;
mod limited;
mod networks;
mod signing;

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

use crate::engine::Definition;

/// How calls get to branches.
pub trait Transport: std::fmt::Debug + Send + Sync + 'static {
    /// Makes one call, within [`Call::timeout`]. No redirect is followed.
    ///
    /// # Errors
    /// [`NoAnswer`] if none came: the branch may have done its work all the same.
    fn call(&self, call: Call) -> BoxFuture<'static, Result<Heard, NoAnswer>>;
}

/// One call to a branch, or to query-prepared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// `POST`, or `GET` where there is no payload.
    pub method: ::http::Method,
    /// The branch's address with gid, `trans_type`, `branch_id` and op in its query.
    pub url: Url,
    /// The client's headers.
    pub headers: Vec<(String, String)>,
    /// The payload.
    pub body: Bytes,
    /// How long it may take, from start to the end of the answer.
    pub timeout: Duration,
    /// How long it may wait for its turn. It must not start later: another coordinator may be about to make it.
    pub patience: Duration,
}

/// What a branch answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heard {
    /// The HTTP status.
    pub status: u16,
    /// The body, as far as it was read.
    pub body: Bytes,
}

impl Heard {
    /// What it means.
    pub fn answer(&self) -> Answer {
        Answer::read(self.status, &self.body)
    }
}

/// Why there is no answer; for logs.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NoAnswer(pub String);

impl Call {
    /// The call to a transaction's branch, by its place in the definition.
    ///
    /// # Errors
    /// [`NoAnswer`] if its address is none.
    pub fn branch(definition: &Definition, index: usize) -> Result<Self, NoAnswer> {
        let branch = &definition.branches[index];
        let url = address(definition, &branch.url, branch.branch_id.as_str(), &branch.op)?;
        Ok(Self::new(definition, url, branch.payload.clone()))
    }

    /// The question whether a transaction's local part has committed.
    ///
    /// # Errors
    /// [`NoAnswer`] if its address is none.
    pub fn query_prepared(definition: &Definition) -> Result<Self, NoAnswer> {
        let url = address(definition, &definition.query_prepared, LOCAL_BRANCH, &Op::Msg)?;
        Ok(Self::new(definition, url, Bytes::new()))
    }

    fn new(definition: &Definition, url: Url, body: Bytes) -> Self {
        Self {
            method: if body.is_empty() { ::http::Method::GET } else { ::http::Method::POST },
            url,
            headers: definition.headers.iter().map(|(name, value)| (name.clone(), value.clone())).collect(),
            body,
            timeout: definition.timing.request_timeout,
            patience: definition.timing.request_timeout,
        }
    }
}

fn address(definition: &Definition, url: &str, branch_id: &str, op: &Op) -> Result<Url, NoAnswer> {
    let mut url = Url::parse(url).map_err(|error| NoAnswer(format!("`{url}` is no address: {error}")))?;
    url.query_pairs_mut()
        .append_pair("gid", definition.gid.as_str())
        .append_pair("trans_type", definition.trans_type.as_str())
        .append_pair("branch_id", branch_id)
        .append_pair("op", op.as_str());
    Ok(url)
}
