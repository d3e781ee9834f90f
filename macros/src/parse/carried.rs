//! Which attributes of a function go where.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::punctuated::Punctuated;
use syn::{Attribute, Meta, Token};

use crate::branch::{Carried, Role};

/// The attributes that count for everything made of the function.
pub(crate) fn carried(attrs: &[Attribute]) -> Carried {
    let mut carried = Carried::default();
    for attr in attrs {
        let path = attr.path();
        if path.is_ident("cfg") {
            carried.cfgs.push(attr.clone());
        } else if path.is_ident("doc") {
            carried.docs.push(attr.to_token_stream());
        } else if path.is_ident("deprecated") {
            carried.deprecated.push(attr.to_token_stream());
        } else if path.is_ident("cfg_attr") {
            conditional(attr, &mut carried);
        }
    }
    carried
}

/// Of `#[cfg_attr(condition, doc = "..", inline)]` what is for others than the function.
fn conditional(attr: &Attribute, carried: &mut Carried) {
    let Ok(parts) = attr.parse_args_with(Punctuated::<TokenStreamUntilComma, Token![,]>::parse_terminated) else {
        return;
    };
    let mut parts = parts.into_iter().map(|part| part.0);
    let Some(condition) = parts.next() else { return };
    for part in parts {
        let Ok(meta) = syn::parse2::<Meta>(part.clone()) else { continue };
        if meta.path().is_ident("doc") {
            carried.docs.push(quote!(#[cfg_attr(#condition, #part)]));
        } else if meta.path().is_ident("deprecated") {
            carried.deprecated.push(quote!(#[cfg_attr(#condition, #part)]));
        }
    }
}

struct TokenStreamUntilComma(TokenStream);

impl syn::parse::Parse for TokenStreamUntilComma {
    fn parse(input: syn::parse::ParseStream<'_>) -> syn::Result<Self> {
        let mut tokens = TokenStream::new();
        while !input.is_empty() && !input.peek(Token![,]) {
            input.parse::<proc_macro2::TokenTree>()?.to_tokens(&mut tokens);
        }
        Ok(Self(tokens))
    }
}

/// The role that an attribute gives, by the last word of its path.
pub(crate) fn is_role(attr: &Attribute) -> Option<Role> {
    let last = &attr.path().segments.last()?.ident;
    Role::ALL.into_iter().find(|role| last == role.attribute())
}

/// Takes the attributes that give a role out of the others.
pub(crate) fn split_roles(attrs: Vec<Attribute>) -> (Vec<Attribute>, Vec<Attribute>) {
    attrs.into_iter().partition(|attr| is_role(attr).is_some())
}
