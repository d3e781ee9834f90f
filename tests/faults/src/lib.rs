//! Branchwire in worlds where everything fails that can fail.
//!
//! - [`model`]: the coordinator's engine in a small world, through every order of events.
//! - [`sim`]: coordinators and services in one process, with faults at every call.
//!
//! This crate is not published.
#![forbid(unsafe_code)]
#![deny(missing_docs)]

pub mod model;
pub mod sim;
