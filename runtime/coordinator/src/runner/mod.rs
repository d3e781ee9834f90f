//! Drives the engine: performs its commands in their order, and reports the results as events.
//!
//! Each transaction has a slot. A task that acts on it takes the slot's lock, and keeps it until the decision is
//! durable. Branches are called without the lock. No task that can be cancelled acts on a slot: a client that
//! disconnects does not stop its request.

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
