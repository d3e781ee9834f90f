//! Branchwire's tests on real databases and over real sockets: one binary, so that one server of each kind serves all.

mod answers;
mod auth;
mod bad_input;
mod barrier;
mod chaos;
mod circles;
mod cluster;
mod conformance;
mod coordinator;
mod dependencies;
mod field;
mod foreign;
mod galera;
mod harness;
mod load;
mod saga;
mod stores;
