//! What a caller gives to run in its local transaction, and its errors as the source of ours.

use std::error::Error;
use std::fmt;

use crate::{BranchError, Database, Retry, Tx};

/// The business of a message: an async closure `async |tx: &mut Tx<D>| ..`, or an async function, that returns a `Result`.
///
/// Each of them is one already. The bound has a name because rustc says less of a closure that does not meet a named one.
#[diagnostic::on_unimplemented(
    message = "the business of a message is an async closure: `async |tx: &mut Tx<{D}>| ..`",
    label = "not an async closure"
)]
pub trait LocalBusiness<D: Database, T, E>: AsyncFnOnce(&mut Tx<D>) -> Result<T, E> {}

#[diagnostic::do_not_recommend]
impl<D: Database, T, E, F: AsyncFnOnce(&mut Tx<D>) -> Result<T, E>> LocalBusiness<D, T, E> for F {}

/// An error that a business may return, and that can be the [`source`](Error::source) of our error: any standard error,
/// [`Retry`] and [`BranchError`].
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a standard error, so an error that holds it is none either",
    label = "not a standard error",
    note = "`.or_retry()` inside the closure makes a `Retry` of `anyhow::Error`, boxed errors and texts; or match on the variants"
)]
pub trait BusinessError: fmt::Debug {
    #[doc(hidden)]
    fn as_cause(&self) -> &(dyn Error + 'static);
}

#[diagnostic::do_not_recommend]
impl<E: Error + 'static> BusinessError for E {
    fn as_cause(&self) -> &(dyn Error + 'static) {
        self
    }
}

impl BusinessError for Retry {
    fn as_cause(&self) -> &(dyn Error + 'static) {
        self.reason()
    }
}

impl BusinessError for BranchError {
    fn as_cause(&self) -> &(dyn Error + 'static) {
        match self {
            Self::Refused(reason) => &**reason,
            Self::Retry(retry) => retry.reason(),
        }
    }
}
