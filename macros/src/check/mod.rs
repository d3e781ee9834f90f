//! The rules: each a small function that reports to the sink. No tokens are generated here.

mod branch;
mod database;
mod function;
mod pair;
mod path;
mod payload;
mod query_prepared;
mod remote;
mod service;
mod types;

pub(crate) use branch::branch;
pub(crate) use database::{field, isolation, no_generics};
pub(crate) use function::{is_a_function, one_role};
pub(crate) use pair::{pair, pairs};
pub(crate) use path::route_path;
pub(crate) use query_prepared::query_prepared;
pub(crate) use remote::remote;
pub(crate) use service::{
    base, collected_from_within, elsewhere, host, is_a_module, no_conditional_role, no_mark_of_elsewhere, service,
};
