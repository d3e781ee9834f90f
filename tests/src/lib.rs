//! What Branchwire's tests stand on: real databases, a fresh one for each test.
//!
//! - [`database`]: a database for one test, on SQLite, PostgreSQL or MySQL;
//! - [`server`]: the servers they live on, at a given address or started for this run.
//!
//! The tests themselves are in `it/`. This crate is not published.
#![forbid(unsafe_code)]
#![deny(missing_docs)]

pub mod database;
pub mod server;
