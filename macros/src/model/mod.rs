//! The domain: the meaning of the attributes, without their syntax. No tokens are generated here.

mod branch;
mod database;
mod role;
mod service;

pub(crate) use branch::{Base, Branch, Call, Carried, Extractor, Known, Pair, RoutePath};
pub(crate) use database::Database;
pub(crate) use role::{
    First, Half, MSG_BRANCH, QUERY_PREPARED, Role, SAGA_ACTION, SAGA_COMPENSATE, Second, Shape, TCC_CANCEL,
    TCC_CONFIRM, TCC_TRY,
};
pub(crate) use service::{COLLECTED, Member, Service};
