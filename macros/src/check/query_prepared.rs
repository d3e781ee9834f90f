//! The rules of a query-prepared: a database, and with a body also a gid and a decision.

use syn::{FnArg, ReturnType, Signature, Type, TypeReference};

use super::function::{argument_types, free_function, is_async, lacks, no_lifetime, returned};
use super::types::owned;
use crate::errors::Errors;
use crate::model::{Call, Known, Role};
use crate::parse::{self, Body, Function};
use crate::tokens::text;

/// Checks a query-prepared. Returns how to call it, if it has no mistakes, and in any case its types.
pub(crate) fn query_prepared(role: &Role, function: &Function, errors: &mut Errors) -> (Option<Call>, Known) {
    let sig = &function.sig;
    free_function(role, sig, errors);
    let (database, call) = match &function.body {
        Body::None(_) => {
            let database = ask_barrier(sig, errors);
            (database.clone(), database.map(|database| Call::AskBarrier { database }))
        }
        Body::Block(_) => decide(role, sig, errors),
    };
    (call, Known { database, ..Known::default() })
}

fn ask_barrier(sig: &Signature, errors: &mut Errors) -> Option<Type> {
    let name = &sig.ident;
    if let Some(asyncness) = &sig.asyncness {
        errors.push(asyncness, format_args!("`{name}` has no body, and so is not `async`: the barrier answers"));
    }
    if let ReturnType::Type(arrow, ty) = &sig.output {
        let message = format_args!("`{name}` has no body, and so returns nothing: the barrier answers");
        errors.push_between(arrow, ty, message);
    }
    too_many_arguments(sig, 1, errors);
    match argument_types(sig).first().copied() {
        None => {
            lacks(sig, "its database: its argument is `db: Database`", errors);
            None
        }
        Some(ty @ Type::Reference(TypeReference { elem, .. })) => {
            let elem_text = text(elem);
            errors.push(ty, format_args!("`{name}` has no body, and so names its database only: write `{elem_text}`"));
            Some((**elem).clone())
        }
        Some(ty) => {
            owned(ty, sig, errors);
            Some(ty.clone())
        }
    }
}

fn decide(role: &Role, sig: &Signature, errors: &mut Errors) -> (Option<Type>, Option<Call>) {
    is_async(sig, errors);
    too_many_arguments(sig, 2, errors);
    let types = argument_types(sig);
    let database = by_reference(sig, types.first().copied(), errors);
    let gid = types.get(1).copied();
    match gid {
        Some(gid) => owned(gid, sig, errors),
        None if database.is_some() => lacks(sig, "the gid: its second argument is `gid: Gid`", errors),
        None => {}
    }
    let result = returned(role, sig, errors);
    let call = match (&database, gid, result) {
        (Some(database), Some(gid), Some(result)) => {
            Some(Call::Decide { database: database.clone(), gid: gid.clone(), result })
        }
        _ => None,
    };
    (database, call)
}

/// The database of `&D`, the first argument.
fn by_reference(sig: &Signature, first: Option<&Type>, errors: &mut Errors) -> Option<Type> {
    let Some(first) = first else {
        lacks(sig, "its database: its first argument is `db: &Database`", errors);
        return None;
    };
    let database = parse::referenced(first);
    if let Type::Reference(TypeReference { mutability: None, lifetime, .. }) = first {
        no_lifetime(sig, lifetime.as_ref(), errors);
    } else {
        let (name, database) = (&sig.ident, text(database));
        errors.push(first, format_args!("`{name}` takes its database by reference: write `&{database}`"));
    }
    Some(database.clone())
}

fn too_many_arguments(sig: &Signature, expected: usize, errors: &mut Errors) {
    let name = &sig.ident;
    for input in sig.inputs.iter().filter(|input| matches!(input, FnArg::Typed(_))).skip(expected) {
        let with = if expected == 1 { "no more than its database" } else { "no more than its database and the gid" };
        errors.push(input, format_args!("`{name}` is asked by gid, and takes {with}: no payload, no extractor"));
    }
}
