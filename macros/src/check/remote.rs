//! The rules of a branch that others host: a function without a body, which says what it takes.

use quote::quote;
use syn::{FnArg, ReturnType};

use super::signature::{free_function, is_transaction, nameable, owned};
use super::text;
use crate::branch::{Known, Role};
use crate::errors::Errors;
use crate::parse::{Body, Function};

const USAGE: &str = "a branch that others host is written\n    fn name(payload: Payload);";

/// Judges a branch of a remote service.
pub(crate) fn remote(role: Role, function: &Function, errors: &mut Errors) -> Known {
    let sig = &function.sig;
    let name = &sig.ident;
    if !role.is_in_contracts() {
        errors.push(
            name,
            format_args!(
                "`{name}` is {}, and belongs to the service that has its database: a remote service has none",
                role.noun()
            ),
        );
        return Known::default();
    }
    let mut mistakes = Errors::default();
    free_function(role, sig, &mut mistakes);
    if let Body::Block(block) = &function.body {
        mistakes.push(block, format_args!("`{name}` has a body, but its service is remote: others host it"));
    }
    if let Some(asyncness) = &sig.asyncness {
        mistakes.push(asyncness, format_args!("`{name}` has no body, and so is not `async`"));
    }
    if let ReturnType::Type(arrow, ty) = &sig.output {
        mistakes.push(quote!(#arrow #ty), format_args!("`{name}` has no body, and so returns nothing"));
    }
    let arguments = sig.inputs.iter().filter_map(|input| match input {
        FnArg::Typed(typed) => Some(typed),
        FnArg::Receiver(_) => None,
    });
    let (transactions, arguments): (Vec<_>, Vec<_>) = arguments.partition(|typed| is_transaction(&typed.ty));
    for transaction in transactions {
        mistakes.push(transaction, format_args!("the transaction of `{name}` is its host's: write its payload only"));
    }
    let mut arguments = arguments.into_iter();
    let payload = arguments.next().map(|typed| (*typed.ty).clone());
    if let Some(payload) = &payload {
        owned(payload, sig, &mut mistakes);
    }
    for more in arguments {
        let more_text = text(more);
        mistakes.push(more, format_args!("`{name}` takes one payload, and `{more_text}` is a second argument"));
    }
    if !mistakes.is_empty() {
        mistakes.show_usage(USAGE);
    }
    errors.append(mistakes);
    let payload = payload.as_ref().and_then(|ty| nameable(ty, sig));
    Known { database: None, payload }
}
