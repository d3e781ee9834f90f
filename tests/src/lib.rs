//! The base of Branchwire's tests: real databases, a fresh one for each test.
//!
//! - [`server`]: a server of each kind, at a given address or started for this run;
//! - [`database`]: a database for one test, on SQLite, PostgreSQL or MySQL;
//! - [`bank`]: accounts and a barrier table in such a database, for tests that are written once for all three;
//! - [`proxy`]: stands before a database, and loses requests and responses;
//! - [`service`]: a service with one branch;
//! - [`sweep`]: barrier rows of any age;
//! - `certificates` (feature `tls`): an authority for one test, and the certificates that it signs;
//! - [`chaos`]: processes, network and disk that break under a transfer between two banks;
//! - [`cluster`]: databases of several servers, whose primary changes under the same transfer;
//! - [`primary`]: a service's pool that follows the primary.
//!
//! The tests themselves are in `it/` and `tls/`. This crate is not published.
#![forbid(unsafe_code)]
#![deny(missing_docs)]

pub mod bank;
#[cfg(feature = "tls")]
pub mod certificates;
pub mod chaos;
pub mod cluster;
pub mod database;
pub mod primary;
pub mod proxy;
pub mod server;
pub mod service;
pub mod sweep;
