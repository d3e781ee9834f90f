//! The barrier on real databases: what holds on each of them, and the traps of each.

mod exactly_once;
mod isolation;
mod mysql;
mod named;
mod postgres;
mod query_prepared;
mod rollback;
mod silence;
mod sqlite;
mod start;
mod sweep;
mod trouble;
