//! Domain to tokens. Nothing is judged here, and nothing can fail.

mod branch;
mod database;

pub(crate) use branch::branch;
pub(crate) use database::{Database, database};
