//! The rules of a branch that another service hosts: a function without a body, with only its payload as argument.

use syn::{FnArg, PatType, ReturnType, Type};

use super::function::free_function;
use super::payload;
use super::types::{nameable, owned};
use crate::errors::Errors;
use crate::model::{Known, Role};
use crate::parse::{self, Body, Function, Options, is_transaction};
use crate::tokens::text;

const USAGE: &str = "a branch that others host is written\n    fn name(payload: Payload);";
const USAGE_WITH_VALUE: &str = "a branch that others host is written\n    \
                                fn name(payload: Payload) -> T;\n\
                                where `-> T` is left out if it returns `()`";

/// Checks a branch of a remote service; returns its types.
pub(crate) fn remote(role: &Role, options: &Options, function: &Function, errors: &mut Errors) -> Known {
    let sig = &function.sig;
    let name = &sig.ident;
    if !role.is_in_contracts {
        errors.push(
            name,
            format_args!(
                "`{name}` is {}, and belongs to the service that has its database: a remote service has none",
                role.noun
            ),
        );
        return Known::default();
    }
    let mut mistakes = Errors::default();
    free_function(role, sig, &mut mistakes);
    has_no_body(role, function, &mut mistakes);
    let payload = payload(options, function, &mut mistakes);
    if !mistakes.is_empty() {
        mistakes.show_usage(if role.hands_back { USAGE_WITH_VALUE } else { USAGE });
    }
    errors.append(mistakes);
    let value = match &sig.output {
        ReturnType::Type(_, ty) if role.hands_back => {
            Some(parse::success_of(ty).unwrap_or(ty)).filter(|ty| !parse::is_unit(ty))
        }
        _ => None,
    };
    Known {
        database: None,
        payload: payload.and_then(|typed| nameable(&typed.ty, sig)),
        value: value.and_then(|ty| nameable(ty, sig)),
        kept: None,
    }
}

fn has_no_body(role: &Role, function: &Function, errors: &mut Errors) {
    let (sig, name) = (&function.sig, &function.sig.ident);
    if let Body::Block(block) = &function.body {
        errors.push(block, format_args!("`{name}` has a body, but its service is remote: others host it"));
    }
    if let Some(asyncness) = &sig.asyncness {
        errors.push(asyncness, format_args!("`{name}` has no body, and so is not `async`"));
    }
    if let ReturnType::Type(arrow, ty) = &sig.output {
        if !role.hands_back {
            errors.push_between(arrow, ty, format_args!("`{name}` has no body, and so returns nothing"));
        } else if let Some(value) = parse::success_of(ty) {
            let advice =
                if parse::is_unit(value) { "leave it out".to_owned() } else { format!("`-> {}`", text(value)) };
            errors.push(ty, format_args!("`{name}` says only what it returns if it succeeds: {advice}"));
        }
    }
}

/// The one argument.
fn payload<'f>(options: &Options, function: &'f Function, errors: &mut Errors) -> Option<&'f PatType> {
    let (sig, name) = (&function.sig, &function.sig.ident);
    if let Some(no_payload) = options.flag("no_payload") {
        errors.push(no_payload, format_args!("`{name}` has no extractors: without an argument it has no payload"));
    }
    let arguments: Vec<&PatType> = sig
        .inputs
        .iter()
        .filter_map(|input| match input {
            FnArg::Typed(typed) => Some(typed),
            FnArg::Receiver(_) => None,
        })
        .collect();
    let last = arguments.last().map(|typed| &*typed.ty);
    let named = options.ty("payload").map_or(payload::Said::Nothing, payload::Said::Payload);
    let is_named = payload::is_named(&named, last, sig, errors);
    let is_transaction = |typed: &PatType| {
        let ty: &Type = &typed.ty;
        is_transaction(ty) && !(is_named && last.is_some_and(|last| std::ptr::eq(last, ty)))
    };
    for transaction in arguments.iter().filter(|typed| is_transaction(typed)) {
        errors.push(transaction, format_args!("the transaction of `{name}` is its host's: write its payload only"));
    }
    let is_kept = |typed: &PatType| parse::kept_of(parse::referenced(&typed.ty)).is_some();
    for kept in arguments.iter().filter(|typed| is_kept(typed)) {
        errors.push(kept, format_args!("what was kept for `{name}` stays with its host: write its payload only"));
    }
    let mut payloads = arguments.into_iter().filter(|typed| !is_transaction(typed) && !is_kept(typed));
    let payload = payloads.next();
    if let Some(payload) = payload {
        owned(&payload.ty, sig, errors);
    }
    for more in payloads {
        let more_text = text(more);
        errors.push(more, format_args!("`{name}` takes one payload, and `{more_text}` is a second argument"));
    }
    payload
}
