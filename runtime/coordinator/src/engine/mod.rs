//! The state machine of a global transaction: state + event -> state + commands.
//!
//! Pure: no clock (the time is an argument), no randomness, no I/O, no await. The runner performs the commands in their
//! order, and reports the results as further events. So the engine can be tested exhaustively, and simulated through
//! every crash.
//!
//! A transaction is run as a sequence of ops on its branches. The pattern (`pattern`) decides which calls a status
//! wants, what an answer means, what a client may request, and what happens to an overdue transaction. The table in
//! `step` is the same for all patterns.

mod another;
mod definition;
mod event;
pub(crate) mod pattern;
mod protocol;
#[cfg(test)]
mod saga_tests;
mod state;
mod step;
#[cfg(test)]
mod tcc_tests;
#[cfg(test)]
mod tests;
mod time;

pub(crate) use another::is_another;
pub(crate) use definition::BRANCHES_MAX;
pub use definition::{BranchOp, Defaults, Definition, Timing};
pub use event::{CallResult, Command, EngineError, Event, NotAllowed, Opening, RunEnd, Transition};
pub(crate) use protocol::rpc_parameters;
pub use protocol::{Protocol, UnknownProtocol};
pub(crate) use state::REASON_CHARS_MAX;
pub use state::{BranchState, Calls, Direction, Holder, LastAnswer, Run, Setback, State};
pub use step::{create, step};
pub use time::Time;
