//! Items with mistakes, in a form for which rustc reports no further errors.

use proc_macro2::{Group, TokenStream, TokenTree};
use quote::{ToTokens, quote};
use syn::{FnArg, PathArguments, Type, parse_quote};

use super::{errors, hidden};
use crate::errors::Errors;
use crate::model::{Branch, Shape};
use crate::parse::{self, Body, Function};

/// An item of the wrong kind, unchanged.
pub(crate) fn as_it_is(errors: &Errors, item: &TokenStream) -> TokenStream {
    let errors = self::errors(errors);
    quote!(#errors #item)
}

/// A function of a service with a renamed role attribute. It gets no type, which could conflict with the type of
/// another role.
pub(crate) fn not_collected(errors: &Errors, mut function: Function) -> TokenStream {
    let errors = self::errors(errors);
    if let Body::None(_) = function.body {
        unused_arguments(&mut function);
        function.body = Body::Block(unreachable_body());
    }
    unreported(&mut function);
    quote!(#errors #function)
}

/// The function, changed to have what its role needs.
pub(super) fn mended(branch: &Branch, function: &Function) -> TokenStream {
    let mut function = function.clone();
    let receiver = function.sig.receiver().is_some();
    let sig = &mut function.sig;
    sig.asyncness.get_or_insert_with(Default::default);
    (sig.constness, sig.abi, sig.variadic) = (None, None, None);
    sig.safety = syn::Safety::Default;
    sig.inputs = std::mem::take(&mut sig.inputs).into_iter().filter(|input| matches!(input, FnArg::Typed(_))).collect();
    let mut incomplete = false;
    for (index, input) in sig.inputs.iter_mut().enumerate() {
        let FnArg::Typed(typed) = input else { continue };
        let lacks_its_type = parse::kept_of(&typed.ty).is_some_and(PathArguments::is_empty);
        if lacks_its_type || parse::is_transaction_of_none(&typed.ty) {
            // rustc would report the missing type again.
            *typed.ty = parse_quote!(&mut impl ::core::marker::Sized);
            incomplete = true;
        } else if index == 0 {
            by_reference(branch.role.shape, &mut typed.ty);
        }
    }
    if receiver || incomplete || matches!(function.body, Body::None(_)) {
        unused_arguments(&mut function);
        function.body = Body::Block(unreachable_body());
    }
    unreported(&mut function);
    function.into_token_stream()
}

/// No router calls the function, so rustc would report it as unused.
fn unreported(function: &mut Function) {
    let shown = hidden(&function.sig.ident);
    function.sig.ident.set_span(shown);
}

/// The arguments are now unused, because the body is gone.
fn unused_arguments(function: &mut Function) {
    for input in &mut function.sig.inputs {
        if let FnArg::Typed(typed) = input {
            *typed.pat = parse_quote!(_);
        }
    }
}

/// Makes the first argument a reference, as the shape needs; otherwise rustc would report errors in the body.
fn by_reference(shape: Shape, ty: &mut Type) {
    let inner = parse::referenced(ty).clone();
    match shape {
        Shape::Branch if parse::is_transaction(&inner) => *ty = parse_quote!(&mut #inner),
        Shape::QueryPrepared if !parse::is_transaction(&inner) => *ty = parse_quote!(&#inner),
        Shape::Branch | Shape::QueryPrepared => {}
    }
}

fn unreachable_body() -> Group {
    let body = quote!({ ::core::unreachable!() });
    match body.into_iter().next() {
        Some(TokenTree::Group(group)) => group,
        _ => unreachable!("a block is one group"),
    }
}
