//! The types of a branch: its role, its payload, its typed address.

mod address;
mod finite;
mod pair;
mod payload;
mod probe;
mod role;
mod saga;
mod tcc;

use crate::protocol::{InvalidUrl, ServiceUrl};

pub use address::{Address, MsgAddress, MsgBranch, QueryPrepared};
pub use pair::{
    Cancelled, Compensated, Confirmed, Kept, NothingToUndo, SagaAction, SameDatabase, SameKept, SamePayload, Stored,
    TccTry,
};
pub use payload::{PAYLOAD_BYTES_MAX, Payload, PayloadError, ReadBack, SendPayload};
pub use probe::{NotSo, Probe};
pub use role::{Role, Route};
pub use saga::{Compensation, SagaAddress, SagaStep};
#[cfg(feature = "service")]
pub(crate) use tcc::TccParts;
pub use tcc::{Cancellation, Confirmation, TccAddress, TccBranch};

/// An annotated function, as a type: the attribute generates a type with the function's name.
///
/// The type is in the type namespace: `trans_in(&mut tx, req)` calls the function, `at::<trans_in>(url)` names the
/// branch, and one `use` imports both.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a branch",
    label = "not an annotated function",
    note = "put `#[msg_branch]` or `#[query_prepared]` on the function `{Self}`"
)]
pub trait Branch: 'static {
    /// The result of [`at`]: an address that takes the payload, a [`MsgBranch`], or a [`QueryPrepared`].
    type Address;

    /// Its entry in the list of routes.
    const ROUTE: Route;

    /// Reads a payload as this branch will: a payload that the branch could not read is refused before it is sent. A
    /// remote branch with a payload that can only be written accepts any.
    #[doc(hidden)]
    const READ_BACK: ReadBack = |_| Ok(());

    /// The address of this branch at a service.
    fn address(service: &ServiceUrl) -> Self::Address;
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
