//! Invalid input: every route responds in its own form, and nothing is left behind.

mod coordinator;
mod corpus;
mod parsers;
mod service;
mod wire;
