//! Domain to tokens. Nothing is judged here, and nothing can fail.

mod branch;
mod database;
mod service;

pub(crate) use branch::branch;
pub(crate) use database::{Database, database};
pub(crate) use service::service;
