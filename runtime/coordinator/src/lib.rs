//! A coordinator of distributed transactions: it takes messages from services, keeps them on disk, and calls their branches
//! until all are applied. It speaks DTM's protocol.
//!
//! | you want to | look at |
//! |---|---|
//! | run it | the program `branchwire`; [`docs::operations`] says on which store and with which settings |
#![cfg_attr(
    feature = "testing",
    doc = "| test a service of yours | [`testing`]: a coordinator in the test's own process, with a clock that the test moves |"
)]
#![cfg_attr(
    not(feature = "testing"),
    doc = "| test a service of yours | `testing` (feature `testing`): a coordinator in the test's own process, with a clock that the test moves |"
)]
//! | find out why a transaction waits | the commands `branchwire stuck` and `branchwire show`; [`docs::stuck`], [`docs::metrics`] |
//! | have it in a program of yours | [`Coordinator::builder`]; [`cli::run`] is the whole program as a function |
//! | know how it differs from a DTM server | [`docs::differences`] |
//! | know what was tried to break it, and how fast it is | [`docs::faults_simulation`], [`docs::faults_processes`], [`docs::boundaries`], [`docs::speed`], [`docs::speed_whole`] |
//!
//! Inside it is a log-first state machine: a decision is durable before anything follows from it, and nothing durable is
//! forgotten. `engine` is the state machine, pure; `store` has the rows, and the commit that many writes share; `transport`
//! makes the calls.
#![forbid(unsafe_code)]
#![deny(missing_docs)]
// Without the feature the modules that it opens are private; their items stay as they are.
#![cfg_attr(not(feature = "unstable-simulation"), allow(unreachable_pub))]

mod api;
pub mod cli;
#[cfg_attr(not(feature = "unstable-simulation"), allow(dead_code, reason = "the clocks of simulations"))]
mod clock;
#[cfg(feature = "console")]
mod console;
mod coordinator;
pub mod docs;
#[cfg(not(feature = "unstable-simulation"))]
#[allow(dead_code, clippy::struct_field_names, reason = "the names are public with the feature, and so are some uses")]
mod engine;
#[cfg(feature = "unstable-simulation")]
pub mod engine;
mod facts;
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
mod traces;
#[cfg(not(feature = "unstable-simulation"))]
mod transport;
#[cfg(feature = "unstable-simulation")]
pub mod transport;

pub use api::{ApiTokens, InvalidTokens};
#[cfg(feature = "unstable-simulation")]
pub use clock::Clock;
#[cfg(feature = "console")]
pub use console::{Console, InvalidTemplate, Setting};
pub use coordinator::{Builder, Coordinator, Retention, StartError};
pub use store::{OpenError, Options as StoreOptions, StoreError};
pub use transport::{CallError, CallLimits, InvalidNetwork, Networks};
