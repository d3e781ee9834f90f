//! Drives the engine: performs its commands in their order, and reports the results as events.
//!
//! Each transaction has a slot. A task that acts on it takes the slot's lock, and keeps it until the decision is
//! durable. Branches are called without the lock. No task that can be cancelled acts on a slot: a client that
//! disconnects does not stop its request.

mod alarm;
mod alerts;
mod attempts;
mod core;
mod cron;
mod instances;
mod retention;
mod run;
mod schedule;
mod settings;
mod slot;
mod unfinished;

pub(crate) use self::core::{Core, GidWas, RequestError};
#[cfg(feature = "console")]
pub(crate) use self::instances::{Instance, instances};
pub(crate) use self::settings::Settings;
pub(crate) use self::slot::Ended;
