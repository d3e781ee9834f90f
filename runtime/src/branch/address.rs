//! Typed addresses: the URL of a branch, with the type of its payload or database.

use std::marker::PhantomData;

use super::payload::{PayloadError, ReadBack, SendPayload};
use crate::protocol::{InvalidUrl, ServiceUrl, TOPIC_PREFIX};

/// A branch of a message: its address and its payload.
#[derive(Debug)]
#[must_use = "a branch does nothing until a message that holds it is sent"]
pub struct MsgBranch {
    pub(crate) action: String,
    /// The JSON text; empty for a branch without payload.
    payload: Result<String, PayloadError>,
    /// Whether the branch is in a Branchwire service, which limits the payload's length.
    is_ours: bool,
}

impl MsgBranch {
    /// A branch at any address, in any language.
    ///
    /// # Errors
    /// [`InvalidUrl`] if `url` is not an http or https address.
    pub fn url<P: SendPayload + ?Sized>(url: &str, payload: &P) -> Result<Self, InvalidUrl> {
        let url = ServiceUrl::with_query(url)?;
        Ok(Self { action: url.as_str().to_owned(), payload: payload.to_json(), is_ours: false })
    }

    /// One branch for each subscriber of the topic; the subscribers are those at the submit of the message.
    pub fn topic<P: SendPayload + ?Sized>(name: &str, payload: &P) -> Self {
        Self { action: format!("{TOPIC_PREFIX}{name}"), payload: payload.to_json(), is_ours: false }
    }

    #[doc(hidden)]
    pub fn without_payload(service: &ServiceUrl, path: &str) -> Self {
        Self { action: service.join(path), payload: Ok(String::new()), is_ours: true }
    }

    #[doc(hidden)]
    pub fn with_payload<P: SendPayload>(service: &ServiceUrl, path: &str, payload: &P) -> Self {
        Self { action: service.join(path), payload: payload.to_json(), is_ours: true }
    }

    /// The same, if the branch can read its payload.
    #[doc(hidden)]
    pub fn read_back(mut self, read_back: ReadBack) -> Self {
        self.payload = self.payload.and_then(|json| match read_back(&json) {
            Ok(()) => Ok(json),
            Err(error) => Err(PayloadError::NotReadable(error)),
        });
        self
    }

    /// The payload, if the branch can read it.
    pub(crate) fn into_payload(self, bytes_max: usize) -> Result<String, PayloadError> {
        let payload = self.payload?;
        let bytes = payload.len();
        if self.is_ours && bytes > bytes_max { Err(PayloadError::TooLong { bytes, bytes_max }) } else { Ok(payload) }
    }
}

/// The address of a message's branch that takes a payload `P`.
#[derive(Debug)]
pub struct MsgAddress<P> {
    service: ServiceUrl,
    path: &'static str,
    read_back: ReadBack,
    payload: PhantomData<fn(&P)>,
}

impl<P> MsgAddress<P> {
    /// The branch with its payload, for a message.
    pub fn with(&self, payload: &P) -> MsgBranch
    where
        P: SendPayload,
    {
        MsgBranch::with_payload(&self.service, self.path, payload).read_back(self.read_back)
    }

    #[doc(hidden)]
    pub fn new(service: &ServiceUrl, path: &'static str, read_back: ReadBack) -> Self {
        Self { service: service.clone(), path, read_back, payload: PhantomData }
    }
}

impl<P> Clone for MsgAddress<P> {
    fn clone(&self) -> Self {
        Self { service: self.service.clone(), path: self.path, read_back: self.read_back, payload: PhantomData }
    }
}

/// The address of a query-prepared, which answers whether a local transaction in the database `D` has committed.
#[derive(Debug)]
pub struct QueryPrepared<D> {
    pub(crate) url: String,
    database: PhantomData<fn(&D)>,
}

impl<D> QueryPrepared<D> {
    #[doc(hidden)]
    pub fn new(service: &ServiceUrl, path: &str) -> Self {
        Self { url: service.join(path), database: PhantomData }
    }
}

impl<D> Clone for QueryPrepared<D> {
    fn clone(&self) -> Self {
        Self { url: self.url.clone(), database: PhantomData }
    }
}

/// The address of a branch: [`MsgAddress`], [`MsgBranch`] (without payload) or [`QueryPrepared`].
pub trait Address {
    /// The payload of the branch; `()` without one.
    type Payload;

    /// The branch with its payload.
    type Addressed;

    #[doc(hidden)]
    fn carrying(self, payload: &impl SendPayload) -> Self::Addressed;
}

impl<P> Address for MsgAddress<P> {
    type Payload = P;
    type Addressed = MsgBranch;

    fn carrying(self, payload: &impl SendPayload) -> MsgBranch {
        MsgBranch::with_payload(&self.service, self.path, payload).read_back(self.read_back)
    }
}

impl Address for MsgBranch {
    type Payload = ();
    type Addressed = Self;

    fn carrying(self, _: &impl SendPayload) -> Self {
        self
    }
}

impl<D> Address for QueryPrepared<D> {
    type Payload = ();
    type Addressed = Self;

    fn carrying(self, _: &impl SendPayload) -> Self {
        self
    }
}
