//! A step of a saga: the addresses of an action and of its compensation, with one payload for both.

use std::marker::PhantomData;

use super::address::{Address, MsgAddress, MsgBranch};
use super::payload::{PayloadError, ReadBack, SendPayload};
use crate::protocol::{InvalidUrl, ServiceUrl};

/// A step of a saga: its action, its compensation, and the payload that both get. Its action returns an `R`.
#[derive(Debug)]
#[must_use = "a step does nothing until a saga that holds it is sent"]
pub struct SagaStep<R = ()> {
    action: MsgBranch,
    /// Empty if there is nothing to undo.
    compensate: String,
    value: PhantomData<fn() -> R>,
}

impl SagaStep {
    /// A step at any addresses, in any language. Without a compensation nothing of it is undone.
    ///
    /// # Errors
    /// [`InvalidUrl`] if one of the two is not an http or https address.
    pub fn url<P: SendPayload + ?Sized>(
        action: &str,
        compensate: Option<&str>,
        payload: &P,
    ) -> Result<Self, InvalidUrl> {
        let compensate = compensate.map(ServiceUrl::with_query).transpose()?;
        let compensate = compensate.map(|url| url.as_str().to_owned()).unwrap_or_default();
        Ok(Self { action: MsgBranch::url(action, payload)?, compensate, value: PhantomData })
    }
}

impl<R> SagaStep<R> {
    /// The same step without the type of what its action returns, for lists of steps of several types.
    pub fn untyped(self) -> SagaStep {
        let Self { action, compensate, .. } = self;
        SagaStep { action, compensate, value: PhantomData }
    }

    #[doc(hidden)]
    pub fn without_payload(service: &ServiceUrl, path: &str, compensate: &str) -> Self {
        Self {
            action: MsgBranch::without_payload(service, path),
            compensate: join(service, compensate),
            value: PhantomData,
        }
    }

    #[doc(hidden)]
    pub fn with_payload<P: SendPayload>(service: &ServiceUrl, path: &str, compensate: &str, payload: &P) -> Self {
        let action = MsgBranch::with_payload(service, path, payload);
        Self { action, compensate: join(service, compensate), value: PhantomData }
    }

    /// The same, if the action can read its payload.
    #[doc(hidden)]
    pub fn read_back(self, read_back: ReadBack) -> Self {
        Self { action: self.action.read_back(read_back), ..self }
    }

    /// The two addresses and the payload, if the action can read it.
    pub(crate) fn into_parts(self, payload_bytes_max: usize) -> Result<(String, String, String), PayloadError> {
        let Self { action, compensate, .. } = self;
        let url = action.action.clone();
        Ok((url, compensate, action.into_payload(payload_bytes_max)?))
    }
}

/// An empty path stands for no compensation.
fn join(service: &ServiceUrl, compensate: &str) -> String {
    if compensate.is_empty() { String::new() } else { service.join(compensate) }
}

/// The addresses of a saga's step that takes a payload `P`, and whose action returns an `R`.
#[derive(Debug)]
pub struct SagaAddress<P, R = ()> {
    action: MsgAddress<P>,
    compensate: String,
    value: PhantomData<fn() -> R>,
}

impl<P, R> SagaAddress<P, R> {
    /// The step with its payload, for a saga.
    pub fn with(&self, payload: &P) -> SagaStep<R>
    where
        P: SendPayload,
    {
        SagaStep { action: self.action.with(payload), compensate: self.compensate.clone(), value: PhantomData }
    }

    #[doc(hidden)]
    pub fn new(service: &ServiceUrl, path: &'static str, compensate: &str, read_back: ReadBack) -> Self {
        let action = MsgAddress::new(service, path, read_back);
        Self { action, compensate: join(service, compensate), value: PhantomData }
    }
}

impl<P, R> Clone for SagaAddress<P, R> {
    fn clone(&self) -> Self {
        Self { action: self.action.clone(), compensate: self.compensate.clone(), value: PhantomData }
    }
}

impl<P, R> Address for SagaAddress<P, R> {
    type Payload = P;
    type Addressed = SagaStep<R>;

    fn carrying(self, payload: &impl SendPayload) -> SagaStep<R> {
        SagaStep { action: self.action.carrying(payload), compensate: self.compensate, value: PhantomData }
    }
}

impl<R> Address for SagaStep<R> {
    type Payload = ();
    type Addressed = Self;

    fn carrying(self, _: &impl SendPayload) -> Self {
        self
    }
}

/// The address of a compensation that takes a payload `P`. A client does not call it: a coordinator does, with the payload
/// of the action.
#[derive(Debug)]
pub struct Compensation<P = ()>(PhantomData<fn(&P)>);

impl<P> Compensation<P> {
    #[doc(hidden)]
    pub const fn new() -> Self {
        Self(PhantomData)
    }
}

impl<P> Default for Compensation<P> {
    fn default() -> Self {
        Self::new()
    }
}

impl<P> Address for Compensation<P> {
    type Payload = P;
    type Addressed = Compensation<()>;

    fn carrying(self, _: &impl SendPayload) -> Compensation<()> {
        Compensation::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_without_a_compensation_has_an_empty_address_for_it() {
        let service = ServiceUrl::new("http://hotel").unwrap();
        let parts = |step: SagaStep| step.into_parts(100).unwrap();
        let pair: SagaStep = SagaStep::with_payload(&service, "/book", "/cancel", &3);
        assert_eq!(parts(pair), ("http://hotel/book".into(), "http://hotel/cancel".into(), "3".into()));
        let check: SagaStep = SagaStep::without_payload(&service, "/check", "");
        assert_eq!(parts(check), ("http://hotel/check".into(), String::new(), String::new()));
        let foreign = SagaStep::url("http://x/a?b=1", None, "p").unwrap();
        assert_eq!(parts(foreign), ("http://x/a?b=1".into(), String::new(), "\"p\"".into()));
        assert!(SagaStep::url("http://x/a", Some("ftp://x/b"), "p").is_err());
    }
}
