//! The domain: the meaning of the attributes, without their syntax. No tokens are generated here.

mod branch;
mod database;
mod role;
mod service;

pub(crate) use branch::{Base, Branch, Call, Carried, Extractor, Known, RoutePath};
pub(crate) use database::Database;
pub(crate) use role::{MSG_BRANCH, QUERY_PREPARED, Role, Shape};
pub(crate) use service::{COLLECTED, Member, Service};
