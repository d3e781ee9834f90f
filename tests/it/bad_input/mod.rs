//! Input that no well-meaning program sends: every route answers in its own form, and nothing is left behind.

mod coordinator;
mod corpus;
mod parsers;
mod service;
mod wire;
