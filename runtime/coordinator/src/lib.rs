//! A coordinator of distributed transactions that speaks DTM's protocol.
//!
//! A log-first state machine: nothing is acted on before it is durable, and nothing durable is forgotten.
//!
//! | module | job |
//! |---|---|
//! | [`engine`] | the state machine of a transaction, pure |
//! | [`store`] | the rows, and the commit that many writes share |
//! | [`transport`] | calls to branches |
//! | [`cli`] | the program `branchwire` |
//! | `testing` | a coordinator for tests of a service |
//!
//! How to run it: [`docs::operations`]. Where it differs from a DTM server, and why: [`docs::differences`].
//!
//! As a library: [`Coordinator::builder`].
#![forbid(unsafe_code)]
#![deny(missing_docs)]

mod api;
pub mod cli;
mod clock;
mod coordinator;
pub mod docs;
pub mod engine;
mod in_process;
mod metrics;
mod runner;
pub mod store;
#[cfg(feature = "sqlite")]
pub mod testing;
mod topics;
pub mod transport;

pub use api::{ApiTokens, InvalidTokens};
pub use clock::Clock;
pub use coordinator::{Builder, Coordinator, Retention, StartError};
