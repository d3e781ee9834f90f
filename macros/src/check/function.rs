//! The rules that hold for the functions of every role.

use proc_macro2::{TokenStream, TokenTree};
use quote::ToTokens;
use syn::{Attribute, FnArg, GenericParam, Lifetime, ReturnType, Signature, Type};

use crate::errors::Errors;
use crate::model::Role;
use crate::parse;
use crate::tokens::{self, text};

/// The attribute stands on something that is not a free function.
pub(crate) fn is_a_function(role: &Role, item: &TokenStream, errors: &mut Errors) {
    let what = parse::kind(item);
    errors.push(parse::head(item), format_args!("`{role}` stands on a free function, not on {what}"));
    errors.show_usage(role.usage);
}

/// The function has another role as well.
pub(crate) fn one_role(role: &Role, sig: &Signature, others: &[Attribute], errors: &mut Errors) {
    for other in others {
        errors.push(other, format_args!("`{}` is {} already: one function, one role", sig.ident, role.noun));
    }
}

/// A route calls the function with one set of types: no generics, no `unsafe`, no `self`.
pub(super) fn free_function(role: &Role, sig: &Signature, errors: &mut Errors) {
    let what = role.noun;
    let name = &sig.ident;
    if let Some(constness) = &sig.constness {
        errors.push(constness, format_args!("{what} cannot be `const`: write `async fn {name}`"));
    }
    if !matches!(sig.safety, syn::Safety::Default) {
        errors.push(&sig.safety, format_args!("{what} cannot be `{}`: a route calls it", text(&sig.safety)));
    }
    if let Some(abi) = &sig.abi {
        errors.push(abi, format_args!("{what} cannot be `extern`: a route calls it"));
    }
    let generics = &sig.generics;
    if names_lifetimes_only(sig) {
        errors.push(generics, format_args!("`{name}` names a lifetime: remove it, here and below"));
    } else if !generics.params.is_empty() {
        errors.push(generics, format_args!("`{name}` cannot be generic: its route has one set of types"));
    }
    if let Some(clause) = &generics.where_clause {
        errors.push(clause, format_args!("`{name}` cannot have a where-clause: its route has one set of types"));
    }
    if let Some(variadic) = &sig.variadic {
        errors.push(variadic, format_args!("{what} cannot be variadic"));
    }
    for input in &sig.inputs {
        if let FnArg::Receiver(receiver) = input {
            errors.push(receiver, format_args!("{what} is a free function: remove `{}`", text(receiver)));
        }
    }
}

fn names_lifetimes_only(sig: &Signature) -> bool {
    let params = &sig.generics.params;
    !params.is_empty() && params.iter().all(|param| matches!(param, GenericParam::Lifetime(_)))
}

pub(super) fn is_async(sig: &Signature, errors: &mut Errors) {
    if sig.asyncness.is_none() && sig.constness.is_none() {
        let name = &sig.ident;
        errors.push(sig.fn_token, format_args!("`{name}` is not async: write `async fn {name}`"));
    }
}

/// A declared lifetime is reported at its declaration.
pub(super) fn no_lifetime(sig: &Signature, lifetime: Option<&Lifetime>, errors: &mut Errors) {
    if let (Some(lifetime), true) = (lifetime, sig.generics.params.is_empty()) {
        errors.push(lifetime, format_args!("`{}` names a lifetime: remove it", sig.ident));
    }
}

/// The return type; one is missing, or it is not the role's.
pub(super) fn returned(role: &Role, sig: &Signature, errors: &mut Errors) -> Option<Type> {
    let expected = role.result();
    match &sig.output {
        ReturnType::Type(_, ty) => {
            // `-> impl Future` without `async` is one mistake, and `is_async` reports it.
            if is_impl_trait(&ty.to_token_stream()) {
                if sig.asyncness.is_some() {
                    errors.push(ty, format_args!("`{}` returns `{expected}`, not `{}`", sig.ident, text(ty)));
                }
                return None;
            }
            Some((**ty).clone())
        }
        ReturnType::Default => {
            errors.push(&sig.ident, format_args!("`{}` returns nothing: write `-> {expected}`", sig.ident));
            None
        }
    }
}

pub(super) fn is_impl_trait(ty: &TokenStream) -> bool {
    tokens::any(ty, &|token| matches!(token, TokenTree::Ident(word) if word == "impl"))
}

pub(super) fn lacks(sig: &Signature, what: &str, errors: &mut Errors) {
    errors.push(&sig.ident, format_args!("`{}` lacks {what}", sig.ident));
}

/// The types of the arguments, without `self`.
pub(super) fn argument_types(sig: &Signature) -> Vec<&Type> {
    sig.inputs
        .iter()
        .filter_map(|input| match input {
            FnArg::Typed(typed) => Some(&*typed.ty),
            FnArg::Receiver(_) => None,
        })
        .collect()
}
