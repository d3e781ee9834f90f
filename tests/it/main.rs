//! Branchwire's tests on real databases and over real sockets: one binary, so that one server of each kind serves all.

mod answers;
mod auth;
mod bad_input;
mod barrier;
mod chaos;
mod circles;
mod cluster;
mod conformance;
mod console;
mod coordinator;
mod dependencies;
mod each;
mod field;
mod foreign;
mod galera;
mod harness;
mod keeps_open;
mod load;
mod outbox;
mod saga;
mod signed_sagas;
mod signed_tccs;
mod stores;
mod tcc;
mod tcc_client;
mod traces;
