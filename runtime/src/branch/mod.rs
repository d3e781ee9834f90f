//! What a branch is: its role, its payload, its typed address.

mod finite;
mod payload;

use std::marker::PhantomData;

pub use payload::{PAYLOAD_BYTES_MAX, Payload, PayloadError, ReadBack, SendPayload};

use crate::protocol::TOPIC_PREFIX;
use crate::{InvalidUrl, ServiceUrl};

/// What part an annotated function plays in a global transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// `#[msg_branch]`: a step of a message; must succeed in the end.
    MsgBranch,
    /// `#[query_prepared]`: says whether a message's local transaction has committed.
    QueryPrepared,
}

/// An annotated function, as a type: the attribute makes one of the function's name.
///
/// It lives in the type namespace, so `trans_in(&mut tx, req)` calls the function and `at::<trans_in>(url)` names the
/// branch, and one `use` brings both.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a branch",
    label = "not an annotated function",
    note = "put `#[msg_branch]` or `#[query_prepared]` on the function `{Self}`"
)]
pub trait Branch: 'static {
    /// What a caller gets from [`at`]: an address that takes the payload, a [`MsgBranch`], a [`QueryPrepared`].
    type Address;

    /// What stands in the list of routes.
    const ROUTE: Route;

    /// Reads a payload as this branch will, so that one that it could not read is refused before it is sent. A remote
    /// branch whose payload can only be written reads anything.
    #[doc(hidden)]
    const READ_BACK: ReadBack = |_| Ok(());

    /// The address of this branch at a service.
    fn address(service: &ServiceUrl) -> Self::Address;
}

/// One route of a service, for lists, pictures and snapshot tests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Route {
    /// The function's name.
    pub name: &'static str,
    /// The whole path. A promise on the wire: stored transactions hold it.
    pub path: &'static str,
    /// The part it plays.
    pub role: Role,
    /// The payload's type as written, empty without one.
    pub payload: &'static str,
    /// The database's type as written, empty without one.
    pub database: &'static str,
    /// The first line of the function's docs.
    pub doc: &'static str,
}

/// A step of a message: where it goes, and what it carries.
#[derive(Debug)]
#[must_use = "a branch does nothing until a message that holds it is sent"]
pub struct MsgBranch {
    pub(crate) action: String,
    /// The JSON text that the branch gets; empty for a branch without payload.
    payload: Result<String, PayloadError>,
    /// Whether a service of ours reads it, which has a limit for its length.
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

    /// A branch for each subscriber that the topic has when the message is submitted.
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

/// The address that answers whether a local transaction in the database `D` has committed.
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
    /// What the branch takes; `()` if nothing.
    type Payload;

    /// What a message gets.
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

/// The address of the branch `B` at a service: `at::<trans_in>("http://bank-b:8080")?.with(&payload)`.
///
/// The URL is the service's, without the branch's path.
///
/// # Errors
/// [`InvalidUrl`] if it is not an http or https address.
pub fn at<B: Branch>(url: impl AsRef<str>) -> Result<B::Address, InvalidUrl> {
    Ok(B::address(&ServiceUrl::new(url.as_ref())?))
}
