//! What a caller gives to run in its local transaction, and its errors as the source of ours.

use std::error::Error;
use std::fmt;

use crate::{BranchError, Database, Retry, Tx};

/// The business of a message: an async closure `async |tx: &mut Tx<D>| ..`, or an async function, that returns a `Result`.
///
/// Each of them is one already; `I` is always inferred. The bound has a name, and a second impl, for the sake of the
/// compiler's message about `|tx| async move { .. }`.
//
// The mistake is in a lifetime: such a closure takes `&'x mut Tx<D>` of one lifetime only. Where a single impl fits by its
// types rustc takes it, finds the lifetime wrong later, and says so in words that name no remedy. Of two impls it tries each
// first, with its lifetimes: none is left, and our text is shown.
#[diagnostic::on_unimplemented(
    message = "the business of a message is an async closure: `async |tx: &mut Tx<{D}>| ..`",
    label = "not an async closure of `&mut Tx<{D}>`",
    note = "`async |tx| debit(tx).await`, and not `|tx| async move {{ .. }}`, which cannot lend `tx` to its future"
)]
pub trait LocalBusiness<D: Database, T, E, I>: AsyncFnOnce(&mut Tx<D>) -> Result<T, E> {}

#[diagnostic::do_not_recommend]
impl<D: Database, T, E, F: AsyncFnOnce(&mut Tx<D>) -> Result<T, E>> LocalBusiness<D, T, E, TheOne> for F {}

#[diagnostic::do_not_recommend]
impl<D: Database, T, E, F: AsyncFnOnce(&mut Tx<D>) -> Result<T, E> + Unmet> LocalBusiness<D, T, E, NotThisOne> for F {}

/// Marks the impl that holds.
#[derive(Debug)]
pub enum TheOne {}

/// Marks the impl that never holds.
#[derive(Debug)]
pub enum NotThisOne {}

/// No type has it.
pub trait Unmet {}

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
