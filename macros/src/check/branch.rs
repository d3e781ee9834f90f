//! The rules of a branch's function: a transaction, extractors, a payload, a result.
//!
//! Only tokens are checked here. The compiler checks by traits whether a type is a payload or a database.

use syn::{GenericArgument, PathArguments, Signature, Type, TypePath, TypeReference};

use super::function::{argument_types, free_function, is_async, lacks, no_lifetime, returned};
use super::payload;
use super::types::{nameable, owned, owned_value};
use crate::errors::Errors;
use crate::model::{Call, Known, Role};
use crate::parse::{self, Body, Function, Options, is_transaction};
use crate::tokens::text;

/// Checks a function with a role of the shape `Branch`. Returns how to call it, if it has no mistakes, and in any case
/// its types.
pub(crate) fn branch(
    role: &Role,
    options: &Options,
    function: &Function,
    errors: &mut Errors,
) -> (Option<Call>, Known) {
    let sig = &function.sig;
    has_a_body(function, errors);
    free_function(role, sig, errors);
    is_async(sig, errors);
    let mut types = argument_types(sig);
    let kept_type = kept(role, sig, &mut types, errors);
    let said = payload::said(options, errors);
    let payload = types.last().copied().filter(|last| types.len() > 1 || !is_transaction(last));
    let is_named = payload::is_named(&said, payload, sig, errors);
    // The type named by `payload = ..` is the payload, even if its name is `Tx` or `Json`.
    let named = payload.filter(|_| is_named);
    let is_transaction = |ty: &Type| is_transaction(ty) && !named.is_some_and(|named| std::ptr::eq(named, ty));
    let database = transaction(sig, &types, errors);
    let has_transaction_first = types.first().is_some_and(|ty| is_transaction(ty));
    for ty in types.iter().skip(1) {
        if is_transaction(ty) {
            one_transaction_first(ty, sig, has_transaction_first, errors);
        } else if named.is_some_and(|named| std::ptr::eq(named, *ty)) || !payload::of_a_handler(ty, &sig.ident, errors)
        {
            owned(ty, sig, errors);
        }
    }
    let arguments = if has_transaction_first { types.get(1..).unwrap_or_default() } else { &types };
    let arguments: Vec<&Type> = arguments.iter().copied().filter(|ty| !is_transaction(ty)).collect();
    let (extractors, payload) = payload::split(&said, &arguments, errors);
    let result = returned(role, sig, errors);
    if let Some(result) = &result {
        error_of_another_role(role, sig, result, errors);
    }
    let value = result.as_ref().filter(|_| role.hands_back).and_then(|result| value(role, sig, result, errors));
    let known = Known {
        database: database.clone(),
        payload: payload.as_ref().and_then(|ty| nameable(ty, sig)),
        value: value.filter(|ty| !parse::is_unit(ty)).and_then(|ty| nameable(&ty, sig)),
        kept: kept_type.as_ref().and_then(|ty| nameable(ty, sig)),
    };
    let takes_kept = kept_type.is_some();
    let call = database.zip(result).map(|(database, result)| Call::Branch {
        database,
        extractors,
        payload,
        takes_kept,
        result,
    });
    (call, known)
}

/// Takes `Kept<T>` from the arguments, and returns `T`.
fn kept(role: &Role, sig: &Signature, types: &mut Vec<&Type>, errors: &mut Errors) -> Option<Type> {
    let is_kept = |ty: &&Type| parse::kept_of(parse::referenced(ty)).is_some();
    let place = types.iter().position(is_kept)?;
    while let Some(after) = types[place + 1..].iter().position(is_kept) {
        let again = types.remove(place + 1 + after);
        errors.push(again, format_args!("`{}` takes what was kept already: remove this one", sig.ident));
    }
    let is_last = place + 1 == types.len();
    let ty = types.remove(place);
    let (name, noun) = (&sig.ident, role.noun);
    if role.second().is_none() {
        errors.push(
            ty,
            format_args!("`{name}` is {noun}, and nothing was kept for it: only a second half takes `{}`", text(ty)),
        );
        return None;
    }
    if !is_last {
        errors.push(ty, format_args!("what was kept comes last: put `{}` after the payload", text(ty)));
    }
    let by_value = parse::referenced(ty);
    if !std::ptr::eq(by_value, ty) {
        errors.push(ty, format_args!("`{name}` gets what was kept by value: write `{}`", text(by_value)));
    }
    let arguments = match parse::kept_of(by_value) {
        Some(PathArguments::AngleBracketed(arguments)) if arguments.args.len() == 1 => Some(&arguments.args[0]),
        _ => None,
    };
    if let Some(GenericArgument::Type(kept)) = arguments {
        return Some(kept.clone());
    }
    errors.push(ty, "say what was kept: `Kept<T>`, with the `T` that the first half returns");
    None
}

/// What a first function returns if it succeeds. It is read from the tokens, so the type has to be called `Result`.
fn value(role: &Role, sig: &Signature, result: &Type, errors: &mut Errors) -> Option<Type> {
    let Some(value) = parse::success_of(result) else {
        let (name, expected) = (&sig.ident, role.result());
        errors.push(
            result,
            format_args!(
                "`{name}` returns `{expected}`, written out: what it keeps is read from that, not from an alias"
            ),
        );
        return None;
    };
    if let Some(PathArguments::AngleBracketed(kept)) = parse::kept_of(value)
        && let Some(GenericArgument::Type(of)) = kept.args.first()
    {
        errors.push(value, format_args!("what `{}` returns is kept in any case: write `{}`", sig.ident, text(of)));
        return Some(of.clone());
    }
    owned_value(value, sig, errors);
    Some(value.clone())
}

fn has_a_body(function: &Function, errors: &mut Errors) {
    if let Body::None(semi) = &function.body {
        errors.push(
            semi,
            format_args!(
                "`{}` has no body: only a query-prepared, or a branch in `#[service(.., remote)]`, has none",
                function.sig.ident
            ),
        );
    }
}

/// The database of `&mut Tx<D>`, the first argument.
fn transaction(sig: &Signature, types: &[&Type], errors: &mut Errors) -> Option<Type> {
    let Some(first) = types.first().copied() else {
        lacks(sig, "its transaction: its first argument is `tx: &mut Tx<Database>`", errors);
        return None;
    };
    let name = &sig.ident;
    let inner = parse::referenced(first);
    let Some(arguments) = parse::database_of(inner) else {
        if !types.iter().any(|ty| is_transaction(ty)) {
            errors.push(
                first,
                format_args!("the first argument of `{name}` is its transaction: `tx: &mut Tx<Database>`"),
            );
        }
        return None;
    };
    match first {
        Type::Reference(TypeReference { mutability: Some(_), lifetime, .. }) => {
            no_lifetime(sig, lifetime.as_ref(), errors);
        }
        _ => errors
            .push(first, format_args!("`{name}` gets its transaction by mutable reference: `&mut {}`", text(inner))),
    }
    match arguments {
        PathArguments::AngleBracketed(arguments) if arguments.args.len() == 1 => match &arguments.args[0] {
            GenericArgument::Type(database) => return Some(database.clone()),
            _ => errors.push(arguments, "the argument of `Tx` is a database: `Tx<Database>`"),
        },
        _ => errors.push(inner, "say which database the transaction is in: `Tx<Database>`"),
    }
    None
}

/// Reports a transaction that is not the first argument.
fn one_transaction_first(ty: &Type, sig: &Signature, is_second: bool, errors: &mut Errors) {
    if is_second {
        errors.push(ty, format_args!("`{}` has a second transaction: a branch works in one database", sig.ident));
    } else {
        errors.push(ty, format_args!("the transaction comes first: `tx: {}`", text(ty)));
    }
}

/// Reports a branch that must succeed, but has a result type that allows a refusal; and the opposite.
fn error_of_another_role(role: &Role, sig: &Signature, result: &Type, errors: &mut Errors) {
    let (wrong, may) = if role.may_refuse { ("Retry", "may") } else { ("BranchError", "cannot") };
    let Type::Path(TypePath { path, .. }) = result else { return };
    let Some(PathArguments::AngleBracketed(arguments)) = path.segments.last().map(|segment| &segment.arguments) else {
        return;
    };
    if let Some(GenericArgument::Type(error @ Type::Path(TypePath { path, .. }))) = arguments.args.last()
        && path.segments.last().is_some_and(|segment| segment.ident == wrong)
    {
        let (name, noun, expected) = (&sig.ident, role.noun, role.result());
        errors.push(error, format_args!("`{name}` is {noun}, and that {may} refuse: return `{expected}`"));
    }
}
