//! Tokens to syntax: an attribute's options, a function's signature, a module's items. A body is never parsed.

mod carried;
mod function;
mod item;
mod krate;
mod module;
mod options;
mod types;

pub(crate) use carried::{carried, is_builtin, is_marker, mentions_role, role_of, split_roles, take};
pub(crate) use function::{Body, Function};
pub(crate) use item::{head, kind};
pub(crate) use krate::krate;
pub(crate) use module::{Item, Module, Use, content, items};
pub(crate) use options::{Accepted, Options, Takes, did_you_mean};
pub(crate) use types::{database_of, is_transaction, is_transaction_of_none, is_unit, kept_of, referenced, success_of};
