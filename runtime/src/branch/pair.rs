//! Functions that belong together: an action and its compensation; a try, its confirm and its cancel.
//!
//! The traits are on the type of the first one, so the pair works before and after it, and in another module. Each fact is
//! a constant, which generated code reads by its path at the user's token: rustc then reports one error there.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::payload::{PayloadError, SendPayload};
use super::{Branch, Compensation, Role, Route};
use crate::protocol::ServiceUrl;

/// What the first function of a pair has returned: the last argument of a second one, `Kept(room): Kept<RoomId>`.
///
/// It was stored in the transaction of the first one. A second one that does not need it leaves the argument out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kept<R>(pub R);

/// A saga's action.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an action of a saga",
    label = "only a `#[saga_action]` is compensated",
    note = "`of` names the function of the action: `#[saga_compensate(of = book)]`"
)]
pub trait SagaAction: 'static {
    /// Its database.
    type Database;
    /// Its payload; `()` without one.
    type Payload;
    /// What it returns.
    type Value;
    /// The module of its service; empty outside of one.
    const SERVICE: &'static str;
}

/// A TCC's try.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a try of a TCC",
    label = "only a `#[tcc_try]` is confirmed and cancelled",
    note = "`of` names the function of the try: `#[tcc_confirm(of = reserve)]`"
)]
pub trait TccTry: 'static {
    /// Its database.
    type Database;
    /// Its payload; `()` without one.
    type Payload;
    /// What it returns.
    type Value;
    /// The module of its service; empty outside of one.
    const SERVICE: &'static str;
}

/// An action that has a compensation.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no compensation",
    label = "an action of a saga needs one",
    note = "write `#[saga_compensate(of = {Self})]` on the function that undoes it, or `#[saga_action(nothing_to_undo)]`"
)]
pub trait Compensated {
    /// Proves it.
    const HOLDS: () = ();
    /// Its compensation.
    type By: Branch;
}

/// A try that has a confirm.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no confirm",
    label = "a try of a TCC needs one",
    note = "write `#[tcc_confirm(of = {Self})]` on the function that makes its reservation final"
)]
pub trait Confirmed {
    /// Proves it.
    const HOLDS: () = ();
    /// Its confirm.
    type By: Branch;
}

/// A try that has a cancel.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no cancel",
    label = "a try of a TCC needs one",
    note = "write `#[tcc_cancel(of = {Self})]` on the function that gives up its reservation"
)]
pub trait Cancelled {
    /// Proves it.
    const HOLDS: () = ();
    /// Its cancel.
    type By: Branch;
}

/// A value that the first function of a pair may return: it is stored, sent to the caller and given to the second one.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be kept: it is written as JSON and read again",
    label = "cannot be kept",
    note = "`#[derive(serde::Serialize, serde::Deserialize)]` on it"
)]
pub trait Stored: Send + Sized + 'static {
    /// Proves it.
    const HOLDS: () = ();

    #[doc(hidden)]
    fn read(json: &[u8]) -> Result<Self, serde_json::Error>;

    #[doc(hidden)]
    fn write(&self) -> Result<Vec<u8>, PayloadError>;
}

#[diagnostic::do_not_recommend]
impl<T: Serialize + DeserializeOwned + Send + 'static> Stored for T {
    fn read(json: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(json)
    }

    /// Reads it again as well: a second half that could not read it would never succeed.
    fn write(&self) -> Result<Vec<u8>, PayloadError> {
        let json = self.to_json()?.into_bytes();
        Self::read(&json).map_err(PayloadError::NotReadable)?;
        Ok(json)
    }
}

/// A second function gets what the first one has returned.
#[diagnostic::on_unimplemented(
    message = "a second half gets what the first half returned: `{Of}`",
    label = "expected `Kept<{Of}>`, found `Kept<{Self}>`"
)]
pub trait SameKept<Of> {
    /// Proves it.
    const HOLDS: () = ();
}

impl<T> SameKept<T> for T {}

/// A second function takes the payload of the first.
#[diagnostic::on_unimplemented(
    message = "a second half takes the payload of the first: `{Of}`",
    label = "expected `{Of}`, found `{Self}`"
)]
pub trait SamePayload<Of> {
    /// Proves it.
    const HOLDS: () = ();
}

impl<T> SamePayload<T> for T {}

/// A second function works in the database of the first.
#[diagnostic::on_unimplemented(
    message = "both halves work in one database: `{Of}`",
    label = "expected `{Of}`, found `{Self}`"
)]
pub trait SameDatabase<Of> {
    /// Proves it.
    const HOLDS: () = ();
}

impl<T> SameDatabase<T> for T {}

/// The second function of one that needs none: an action that has nothing to undo.
#[derive(Debug)]
pub enum NothingToUndo {}

impl Branch for NothingToUndo {
    type Address = Compensation<()>;

    const ROUTE: Route =
        Route { name: "", path: "", role: Role::SagaCompensate, payload: "", database: "", of: "", doc: "" };

    fn address(_: &ServiceUrl) -> Compensation<()> {
        Compensation::new()
    }
}
