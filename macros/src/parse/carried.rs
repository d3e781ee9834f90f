//! Which attributes of a function go where.

use proc_macro2::{TokenStream, TokenTree};
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
            input.parse::<TokenTree>()?.to_tokens(&mut tokens);
        }
        Ok(Self(tokens))
    }
}

/// The role that an attribute gives, by the last word of its path.
pub(crate) fn role_of(attr: &Attribute) -> Option<Role> {
    let last = &attr.path().segments.last()?.ident;
    Role::ALL.into_iter().find(|role| last == role.attribute())
}

/// The pattern, if it gives a role in one that is not a message.
pub(crate) fn other_pattern_of(attr: &Attribute) -> Option<&'static str> {
    match attr.path().segments.last()?.ident.to_string().as_str() {
        "saga_action" | "saga_compensate" => Some("a saga"),
        "tcc_try" | "tcc_confirm" | "tcc_cancel" => Some("a TCC"),
        _ => None,
    }
}

/// Takes the attributes that give a role out of the others.
pub(crate) fn split_roles(attrs: Vec<Attribute>) -> (Vec<Attribute>, Vec<Attribute>) {
    attrs.into_iter().partition(|attr| role_of(attr).is_some())
}

/// Takes the attribute of this name out of the others.
pub(crate) fn take(attrs: &mut Vec<Attribute>, name: &str) -> Option<Attribute> {
    let found = attrs.iter().position(|attr| attr.path().segments.last().is_some_and(|last| last.ident == name))?;
    Some(attrs.remove(found))
}

/// Whether it is the mark that `#[service]` puts beside attributes that it does not know.
pub(crate) fn is_marker(attr: &Attribute) -> bool {
    attr.path().segments.last().is_some_and(|last| last.ident == "in_service")
}

/// The role that `#[cfg_attr(..)]` gives under its condition.
pub(crate) fn mentions_role(attr: &Attribute) -> Option<Role> {
    fn search(tokens: TokenStream) -> Option<Role> {
        tokens.into_iter().find_map(|token| match token {
            TokenTree::Ident(word) => Role::ALL.into_iter().find(|role| word == role.attribute()),
            TokenTree::Group(group) => search(group.stream()),
            _ => None,
        })
    }
    match &attr.meta {
        Meta::List(list) if attr.path().is_ident("cfg_attr") => search(list.tokens.clone()),
        _ => None,
    }
}

/// Whether it is rustc's own, or a tool's, and so cannot be one of ours under another name.
pub(crate) fn is_builtin(attr: &Attribute) -> bool {
    const BUILTIN: [&str; 20] = [
        "allow",
        "cfg",
        "cold",
        "deny",
        "deprecated",
        "doc",
        "expect",
        "export_name",
        "forbid",
        "ignore",
        "inline",
        "link_section",
        "must_use",
        "no_mangle",
        "should_panic",
        "target_feature",
        "test",
        "track_caller",
        "warn",
        "instruction_set",
    ];
    const TOOLS: [&str; 4] = ["clippy", "diagnostic", "rustdoc", "rustfmt"];
    let Some(first) = attr.path().segments.first() else { return false };
    match attr.path().segments.len() {
        1 => BUILTIN.iter().any(|name| first.ident == name),
        _ => TOOLS.iter().any(|name| first.ident == name),
    }
}
