//! A client's own call of a branch: the try of a TCC.

use bytes::Bytes;
use http::{Method, Request, Response};
use url::form_urlencoded::Serializer;

use super::{Channel, ChannelError, Client, HttpChannel};
use crate::{CALL_HEADER, Gid, Op, TransType};

/// A call of a TCC's try, which the client makes itself.
#[derive(Debug, Clone)]
pub struct TryCall<'a> {
    /// The try's address.
    pub url: &'a str,
    /// The transaction.
    pub gid: &'a Gid,
    /// The branch, as it was registered.
    pub branch_id: &'a str,
    /// The transaction's headers for its branches.
    pub headers: &'a [(String, String)],
    /// The payload, JSON; empty for a try without one.
    pub body: Bytes,
}

impl Client {
    /// Calls branches over this channel, for example within the same process. A request's URI is the branch's whole address.
    #[must_use = "the client with the channel is returned"]
    pub fn with_branches(mut self, channel: impl Channel) -> Self {
        self.branches = std::sync::Arc::new(std::sync::OnceLock::from(Box::new(channel) as Box<dyn Channel>));
        self
    }

    /// Calls the try of a branch that is registered. There is no timeout: drop the future.
    ///
    /// # Errors
    /// [`ChannelError`]; its variant tells whether the try may have been called.
    pub async fn call_try(&self, call: TryCall<'_>) -> Result<Response<Bytes>, ChannelError> {
        let TryCall { url, gid, branch_id, headers, body } = call;
        let query = Serializer::new(String::new())
            .append_pair("branch_id", branch_id)
            .append_pair("gid", gid.as_str())
            .append_pair("op", Op::Try.as_str())
            .append_pair("trans_type", TransType::Tcc.as_str())
            .finish();
        let url = format!("{url}{}{query}", if url.contains('?') { '&' } else { '?' });
        // As a coordinator calls a branch without a payload.
        let method = if body.is_empty() { Method::GET } else { Method::POST };
        let signature = self.signer.as_ref().and_then(|signer| signer.sign_call(&url.parse().ok()?, &body));
        let mut request = Request::builder().method(method).uri(url).header("content-type", "application/json");
        if let Some(signature) = signature {
            request = request.header(CALL_HEADER, signature);
        }
        for (name, value) in headers {
            request = request.header(name, value);
        }
        let request = request.body(body).map_err(|error| ChannelError::NotSent(error.into()))?;
        self.branches()?.exchange(request).await
    }

    /// The channel to branches. Made at its first use, since most clients call none.
    fn branches(&self) -> Result<&dyn Channel, ChannelError> {
        if let Some(channel) = self.branches.get() {
            return Ok(&**channel);
        }
        let made = HttpChannel::to_any_host().map_err(|error| ChannelError::NotSent(error.into()))?;
        Ok(&**self.branches.get_or_init(|| Box::new(made)))
    }
}
