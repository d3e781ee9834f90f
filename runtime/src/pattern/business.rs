//! The errors of a business, as the source of our errors.

use std::error::Error;
use std::fmt;

use crate::{BranchError, Retry};

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
