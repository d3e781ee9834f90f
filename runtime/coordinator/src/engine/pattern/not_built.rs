//! A pattern that is not built: nothing is allowed, and nothing is called.

use branchwire_protocol::{Answer, Op};

use super::questions::{Next, Overdue, Pattern, Permission, Request, Rows, Verdict};
use crate::engine::{Definition, Setback, State, Time};

/// See the module.
#[derive(Debug)]
pub(super) struct NotBuilt;

impl Pattern for NotBuilt {
    fn rows(&self) -> Rows {
        Rows::Steps
    }

    fn overdue(&self, _: &Definition, _: &State) -> Overdue {
        Overdue::Wait
    }

    fn next(&self, _: &Definition, _: &State, _: Time) -> Next {
        Next::Never
    }

    fn verdict(&self, _: &Definition, _: &State, _: &Op, _: Answer) -> Verdict {
        Verdict::Setback(Setback::Unknown)
    }

    fn allows(&self, _: &Definition, _: &State, _: Request) -> Permission {
        Permission::Refuse
    }
}
