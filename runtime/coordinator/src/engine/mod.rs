//! The state machine of a global transaction: state + event -> state + commands.
//!
//! Pure: no clock (the time is an argument), no randomness, no I/O, no await. Whoever drives it makes the commands
//! happen, in their order, and reports what came of them as further events. So it can be tested exhaustively, and
//! simulated through every crash.
//!
//! A transaction is run as a sequence of ops on its branches. Which calls a status wants, what an answer means, what a
//! client may ask for and what happens when time is up is the pattern's (`pattern`); the table in `step` is the same
//! for all of them.

mod definition;
mod event;
pub(crate) mod pattern;
#[cfg(test)]
mod reserve_tests;
mod state;
mod step;
#[cfg(test)]
mod tests;
mod time;

pub use definition::{Branch, Defaults, Definition, Timing};
pub use event::{CallResult, Command, EngineError, Event, NotAllowed, Opening, RunEnd, Transition};
pub use state::{BranchState, Calls, Direction, Holder, LastAnswer, Run, Setback, State};
pub use step::{create, step};
pub use time::Time;
