//! Domain to tokens. Nothing is checked here, and nothing can fail.

mod branch;
mod contract;
mod database;
mod errors;
mod fallback;
mod function;
mod openapi;
mod remote;
mod router;
mod service;
mod spans;
mod value;

pub(crate) use database::database;
pub(crate) use fallback::{as_it_is, not_collected};
pub(crate) use function::function;
pub(crate) use service::{Written, service};

use errors::errors;
use spans::{allow_deprecated, hidden, ours, place, placed, proof, state};
