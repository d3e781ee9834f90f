//! The attributes: each driver reads its options and its item, has them checked, and passes the result to `expand`.

mod database;
mod function;
mod service;

pub(crate) use database::database;
pub(crate) use function::function;
pub(crate) use service::service;
