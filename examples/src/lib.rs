//! Two banks with a database each, and money that moves between them.
//!
//! [`banks::sqlite`] is the code to read and to copy; its siblings are the same banks on other databases. The program
//! `transfer` runs them as processes and kills these at bad moments.

// The role of a branch defines the meaning of its errors, so a section on errors at each would only repeat it.
#![allow(clippy::missing_errors_doc)]

pub mod banks;
pub mod notary;
pub mod stage;
pub mod transfer;
pub mod trip;

/// The code in the README compiles.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
