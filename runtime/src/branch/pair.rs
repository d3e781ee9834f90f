//! Functions that belong together: an action and its compensation.
//!
//! The traits are on the type of the first one, so the pair works before and after it, and in another module. Each fact is
//! a constant, which generated code reads by its path at the user's token: rustc then reports one error there.

use super::{Branch, Compensation, Role, Route};
use crate::protocol::ServiceUrl;

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

/// A second function takes the payload of the first.
#[diagnostic::on_unimplemented(
    message = "a compensation takes the payload of its action: `{Of}`",
    label = "expected `{Of}`, found `{Self}`"
)]
pub trait SamePayload<Of> {
    /// Proves it.
    const HOLDS: () = ();
}

impl<T> SamePayload<T> for T {}

/// A second function works in the database of the first.
#[diagnostic::on_unimplemented(
    message = "a compensation works in the database of its action: `{Of}`",
    label = "expected `{Of}`, found `{Self}`"
)]
pub trait SameDatabase<Of> {
    /// Proves it.
    const HOLDS: () = ();
}

impl<T> SameDatabase<T> for T {}

/// The compensation of an action that has nothing to undo.
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
