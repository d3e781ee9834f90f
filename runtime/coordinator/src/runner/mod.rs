//! Drives the engine: performs its commands, in their order, and tells it what came of them.
//!
//! Each transaction has a slot; whoever acts on it has the slot's lock, and keeps it until what was decided is durable.
//! Branches are called without the lock. No task that may be cancelled acts on a slot: a client that hangs up does not
//! stop what it asked for.

mod core;
mod cron;
mod retention;
mod run;
mod schedule;
mod settings;
mod slot;

pub(crate) use self::core::{Core, RequestError};
pub(crate) use self::settings::Settings;
pub(crate) use self::slot::Ended;
