//! The rules of an argument's type: it owns its data, and is one type that can be named outside of the function.

use proc_macro2::{Group, Ident, TokenStream, TokenTree};
use quote::ToTokens;
use syn::{GenericArgument, GenericParam, PathArguments, Signature, Type, TypeParamBound};

use super::function::is_impl_trait;
use crate::errors::Errors;
use crate::parse;
use crate::tokens::{self, text};

/// An argument owns its data and has one type.
pub(super) fn owned(ty: &Type, sig: &Signature, errors: &mut Errors) {
    let written = text(ty);
    if is_impl_trait(&ty.to_token_stream()) {
        errors.push(ty, format_args!("`{written}` is not one type: a route needs to know which to read"));
    } else if sig.generics.params.is_empty() && borrows(ty) {
        let advice = if written.ends_with("str") { ": write `String`" } else { "" };
        errors.push(ty, format_args!("`{written}` borrows, but an argument of a branch owns its data{advice}"));
    }
}

/// A value that a branch returns owns its data.
pub(super) fn owned_value(ty: &Type, sig: &Signature, errors: &mut Errors) {
    if sig.generics.params.is_empty() && borrows(ty) {
        let written = text(ty);
        let advice = if written.ends_with("str") { ": write `String`" } else { "" };
        errors.push(ty, format_args!("`{written}` borrows, but what `{}` returns is stored{advice}", sig.ident));
    }
}

/// Whether a value of the type borrows non-`'static` data, as far as its tokens show.
///
/// A reference in the signature of a function type, `Arc<dyn Fn(&str)>`, borrows nothing.
fn borrows(ty: &Type) -> bool {
    match ty {
        Type::Reference(reference) => {
            reference.lifetime.as_ref().is_none_or(|lifetime| lifetime.ident != "static") || borrows(&reference.elem)
        }
        Type::Path(path) => path.qself.as_ref().is_some_and(|qself| borrows(&qself.ty)) || path_borrows(&path.path),
        Type::Tuple(tuple) => tuple.elems.iter().any(borrows),
        Type::Array(array) => borrows(&array.elem),
        Type::Slice(slice) => borrows(&slice.elem),
        Type::Group(group) => borrows(&group.elem),
        Type::Paren(paren) => borrows(&paren.elem),
        Type::TraitObject(object) => object.bounds.iter().any(|bound| match bound {
            TypeParamBound::Lifetime(lifetime) => lifetime.ident != "static",
            TypeParamBound::Trait(bound) => bound.lifetimes.is_none() && path_borrows(&bound.path),
            _ => false,
        }),
        _ => false,
    }
}

fn path_borrows(path: &syn::Path) -> bool {
    path.segments.iter().any(|segment| match &segment.arguments {
        PathArguments::AngleBracketed(arguments) => arguments.args.iter().any(|argument| match argument {
            GenericArgument::Lifetime(lifetime) => lifetime.ident != "static",
            GenericArgument::Type(ty) => borrows(ty),
            GenericArgument::AssocType(assoc) => borrows(&assoc.ty),
            _ => false,
        }),
        PathArguments::None | PathArguments::Parenthesized(_) => false,
    })
}

/// The type in a form that can be named outside of its function; `None` if there is none.
pub(super) fn nameable(ty: &Type, sig: &Signature) -> Option<Type> {
    let tokens = parse::referenced(ty).to_token_stream();
    let of_the_function = |token: &TokenTree| {
        let TokenTree::Ident(word) = token else { return false };
        let is_param = |param: &GenericParam| match param {
            GenericParam::Type(param) => param.ident == *word,
            GenericParam::Const(param) => param.ident == *word,
            GenericParam::Lifetime(_) => false,
        };
        *word == "impl" || sig.generics.params.iter().any(is_param)
    };
    // `&str` was reported, and `str` alone cannot be the type of a field.
    if tokens::any(&tokens, &of_the_function) || tokens.to_string() == "str" {
        None
    } else if borrows(ty) {
        syn::parse2(without_lifetimes(tokens)).ok()
    } else {
        syn::parse2(tokens).ok()
    }
}

/// Makes each lifetime `'static`. A type that borrows was reported already.
fn without_lifetimes(tokens: TokenStream) -> TokenStream {
    let mut after_tick = false;
    let replace = |token| {
        let is_name = std::mem::replace(&mut after_tick, false);
        match token {
            TokenTree::Punct(mark) if mark.as_char() == '\'' => {
                after_tick = true;
                TokenTree::Punct(mark)
            }
            TokenTree::Ident(name) if is_name => TokenTree::Ident(Ident::new("static", name.span())),
            TokenTree::Group(group) => {
                TokenTree::Group(Group::new(group.delimiter(), without_lifetimes(group.stream())))
            }
            other => other,
        }
    };
    tokens.into_iter().map(replace).collect()
}
