//! A coordinator of distributed transactions that speaks DTM's protocol.
//!
//! A log-first state machine: a decision is durable before anything follows from it, and nothing durable is forgotten.
//!
//! | module | job |
//! |---|---|
//! | `engine` | the state machine of a transaction, pure |
//! | `store` | the rows, and the commit that many writes share |
//! | `transport` | calls to branches |
//! | [`cli`] | the program `branchwire` |
//! | `testing` | a coordinator for tests of a service (feature `testing`) |
//!
//! How to run it: [`docs::operations`]. Where it differs from a DTM server, and why: [`docs::differences`].
//!
//! As a library: [`Coordinator::builder`].
#![forbid(unsafe_code)]
#![deny(missing_docs)]
// Without the feature the modules that it opens are private; their items stay as they are.
#![cfg_attr(not(feature = "unstable-simulation"), allow(unreachable_pub))]

mod api;
pub mod cli;
#[cfg_attr(not(feature = "unstable-simulation"), allow(dead_code, reason = "the clocks of simulations"))]
mod clock;
mod coordinator;
pub mod docs;
#[cfg(not(feature = "unstable-simulation"))]
#[allow(dead_code, clippy::struct_field_names, reason = "the names are public with the feature, and so are some uses")]
mod engine;
#[cfg(feature = "unstable-simulation")]
pub mod engine;
mod in_process;
mod metrics;
mod runner;
#[cfg(not(feature = "unstable-simulation"))]
mod store;
#[cfg(feature = "unstable-simulation")]
pub mod store;
#[cfg(feature = "testing")]
pub mod testing;
mod time_zone;
mod topics;
#[cfg(not(feature = "unstable-simulation"))]
mod transport;
#[cfg(feature = "unstable-simulation")]
pub mod transport;

pub use api::{ApiTokens, InvalidTokens};
#[cfg(feature = "unstable-simulation")]
pub use clock::Clock;
pub use coordinator::{Builder, Coordinator, Retention, StartError};
pub use store::{OpenError, Options as StoreOptions, StoreError};
pub use transport::{CallError, CallLimits, InvalidNetwork, Networks};
