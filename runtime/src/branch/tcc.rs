//! A branch of a TCC: the addresses of a try, of its confirm and of its cancel, with one payload for all.

use std::marker::PhantomData;

use super::address::{Address, MsgAddress, MsgBranch};
#[cfg(feature = "service")]
use super::payload::PayloadError;
use super::payload::{ReadBack, SendPayload};
use crate::protocol::{InvalidUrl, ServiceUrl};

/// Reads what a try has returned.
type ValueReader<R> = fn(&[u8]) -> Result<R, serde_json::Error>;

/// A branch of a TCC: its try, its confirm, its cancel, and the payload that all get. Its try returns an `R`.
#[derive(Debug)]
#[must_use = "a branch does nothing until a TCC calls it: `tcc.call(..)`"]
pub struct TccBranch<R = ()> {
    first: MsgBranch,
    confirm: String,
    cancel: String,
    read: ValueReader<R>,
}

impl TccBranch {
    /// A branch at any addresses, in any language. What its try returns is not read.
    ///
    /// # Errors
    /// [`InvalidUrl`] if one of the three is not an http or https address.
    pub fn url<P: SendPayload + ?Sized>(
        first: &str,
        confirm: &str,
        cancel: &str,
        payload: &P,
    ) -> Result<Self, InvalidUrl> {
        let address = |url: &str| ServiceUrl::with_query(url).map(|url| url.as_str().to_owned());
        let (confirm, cancel) = (address(confirm)?, address(cancel)?);
        Ok(Self { first: MsgBranch::url(first, payload)?, confirm, cancel, read: |_| Ok(()) })
    }
}

impl<R> TccBranch<R> {
    #[doc(hidden)]
    pub fn without_payload(
        service: &ServiceUrl,
        path: &str,
        confirm: &str,
        cancel: &str,
        read: ValueReader<R>,
    ) -> Self {
        let (confirm, cancel) = (service.join(confirm), service.join(cancel));
        Self { first: MsgBranch::without_payload(service, path), confirm, cancel, read }
    }

    #[doc(hidden)]
    pub fn with_payload<P: SendPayload>(
        service: &ServiceUrl,
        path: &str,
        confirm: &str,
        cancel: &str,
        read: ValueReader<R>,
        payload: &P,
    ) -> Self {
        let (confirm, cancel) = (service.join(confirm), service.join(cancel));
        Self { first: MsgBranch::with_payload(service, path, payload), confirm, cancel, read }
    }

    /// The same, if the try can read its payload.
    #[doc(hidden)]
    pub fn read_back(self, read_back: ReadBack) -> Self {
        Self { first: self.first.read_back(read_back), ..self }
    }

    /// The three addresses and the payload, if the try can read it; and what reads its value.
    #[cfg(feature = "service")]
    pub(crate) fn into_parts(self, payload_bytes_max: usize) -> Result<TccParts<R>, PayloadError> {
        let Self { first, confirm, cancel, read } = self;
        let url = first.action.clone();
        Ok(TccParts { first: url, confirm, cancel, payload: first.into_payload(payload_bytes_max)?, read })
    }
}

/// A branch of a TCC as it is called.
#[cfg(feature = "service")]
pub(crate) struct TccParts<R> {
    pub(crate) first: String,
    pub(crate) confirm: String,
    pub(crate) cancel: String,
    pub(crate) payload: String,
    pub(crate) read: ValueReader<R>,
}

/// The addresses of a TCC's branch that takes a payload `P`, and whose try returns an `R`.
#[derive(Debug)]
pub struct TccAddress<P, R = ()> {
    first: MsgAddress<P>,
    confirm: String,
    cancel: String,
    read: ValueReader<R>,
}

impl<P, R> TccAddress<P, R> {
    /// The branch with its payload, for a TCC.
    pub fn with(&self, payload: &P) -> TccBranch<R>
    where
        P: SendPayload,
    {
        let (confirm, cancel) = (self.confirm.clone(), self.cancel.clone());
        TccBranch { first: self.first.with(payload), confirm, cancel, read: self.read }
    }

    #[doc(hidden)]
    pub fn new(
        service: &ServiceUrl,
        path: &'static str,
        confirm: &str,
        cancel: &str,
        read: ValueReader<R>,
        read_back: ReadBack,
    ) -> Self {
        let (confirm, cancel) = (service.join(confirm), service.join(cancel));
        Self { first: MsgAddress::new(service, path, read_back), confirm, cancel, read }
    }
}

impl<P, R> Clone for TccAddress<P, R> {
    fn clone(&self) -> Self {
        let (confirm, cancel) = (self.confirm.clone(), self.cancel.clone());
        Self { first: self.first.clone(), confirm, cancel, read: self.read }
    }
}

impl<P, R> Address for TccAddress<P, R> {
    type Payload = P;
    type Addressed = TccBranch<R>;

    fn carrying(self, payload: &impl SendPayload) -> TccBranch<R> {
        let Self { first, confirm, cancel, read } = self;
        TccBranch { first: first.carrying(payload), confirm, cancel, read }
    }
}

impl<R> Address for TccBranch<R> {
    type Payload = ();
    type Addressed = Self;

    fn carrying(self, _: &impl SendPayload) -> Self {
        self
    }
}

macro_rules! second {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug)]
        pub struct $name<P = ()>(PhantomData<fn(&P)>);

        impl<P> $name<P> {
            #[doc(hidden)]
            pub const fn new() -> Self {
                Self(PhantomData)
            }
        }

        impl<P> Default for $name<P> {
            fn default() -> Self {
                Self::new()
            }
        }

        impl<P> Address for $name<P> {
            type Payload = P;
            type Addressed = $name<()>;

            fn carrying(self, _: &impl SendPayload) -> $name<()> {
                $name::new()
            }
        }
    };
}

second! {
    /// The address of a confirm that takes a payload `P`. A client does not call it: a coordinator does, with the payload of
    /// the try.
    Confirmation
}

second! {
    /// The address of a cancel that takes a payload `P`. A client does not call it: a coordinator does, with the payload of
    /// the try.
    Cancellation
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_foreign_branch_has_three_addresses() {
        assert!(TccBranch::url("http://x/a?b=1", "http://x/b", "http://x/c", "p").is_ok());
        assert!(TccBranch::url("http://x/a", "ftp://x/b", "http://x/c", "p").is_err());
        assert!(TccBranch::url("http://x/a", "http://x/b", "", "p").is_err());
    }
}
