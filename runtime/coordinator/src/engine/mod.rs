//! The state machine of a global transaction: state + event -> state + commands.
//!
//! Pure: no clock (the time is an argument), no randomness, no I/O, no await. Whoever drives it makes the commands
//! happen, in their order, and reports what came of them as further events. So it can be tested exhaustively, and
//! simulated through every crash.
//!
//! A transaction is run as a sequence of ops on its branches. Which op a status stands for, which branches are next,
//! and what a refusal leads to is all that a pattern decides; today there is one pattern, the two-phase message.

mod definition;
mod event;
pub mod pattern;
mod state;
mod step;
#[cfg(test)]
mod tests;
mod time;

pub use definition::{Branch, Defaults, Definition, Timing};
pub use event::{Command, EngineError, Event, Opening, Refusal, RunEnd, Step};
pub use state::{BranchState, Holder, Run, Setback, State};
pub use step::{create, step};
pub use time::Time;
