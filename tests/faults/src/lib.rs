//! Branchwire in worlds where everything fails that can fail.
//!
//! - [`model`]: the coordinator's engine in a small world, through every order of events.
//!
//! This crate is not published.
#![forbid(unsafe_code)]
#![deny(missing_docs)]

pub mod model;
