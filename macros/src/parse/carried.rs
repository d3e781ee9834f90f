//! The attributes of a function: those that are copied to everything made from it, and those that give a role.

use proc_macro2::{TokenStream, TokenTree};
use quote::{ToTokens, quote};
use syn::parse::Parser;
use syn::punctuated::Punctuated;
use syn::{Attribute, Expr, ExprLit, Lit, Meta, MetaNameValue, Token};

use crate::model::{Carried, Role};
use crate::tokens;

/// The attributes that are copied to everything made from the function.
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
    carried.is_deprecated = !carried.deprecated.is_empty() || attrs.iter().any(allows_deprecated);
    carried.summary = summary(&carried.docs);
    carried
}

/// Whether it is `#[allow(deprecated)]` or `#[expect(deprecated)]`.
fn allows_deprecated(attr: &Attribute) -> bool {
    let level = attr.path();
    let deprecated = |token: &TokenTree| matches!(token, TokenTree::Ident(word) if word == "deprecated");
    (level.is_ident("allow") || level.is_ident("expect")) && tokens::any(&attr.meta.to_token_stream(), &deprecated)
}

/// The first line of the docs that are written as text.
fn summary(docs: &[TokenStream]) -> String {
    let text = |doc: &TokenStream| {
        let attr = Attribute::parse_outer.parse2(doc.clone()).ok()?.pop()?;
        match &attr.meta {
            Meta::NameValue(MetaNameValue { value: Expr::Lit(ExprLit { lit: Lit::Str(text), .. }), .. }) => {
                Some(text.value())
            }
            _ => None,
        }
    };
    docs.iter()
        .filter_map(text)
        .flat_map(|text| text.lines().map(|line| line.trim().to_owned()).collect::<Vec<_>>())
        .find(|line| !line.is_empty())
        .unwrap_or_default()
}

/// The docs and the `deprecated` in `#[cfg_attr(condition, doc = "..", inline)]`, each under the condition.
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
pub(crate) fn role_of(attr: &Attribute) -> Option<&'static Role> {
    Role::of_attribute(&attr.path().segments.last()?.ident.to_string())
}

/// Separates the attributes that give a role from the others.
pub(crate) fn split_roles(attrs: Vec<Attribute>) -> (Vec<Attribute>, Vec<Attribute>) {
    attrs.into_iter().partition(|attr| role_of(attr).is_some())
}

/// Removes the attribute with this name, and returns it.
pub(crate) fn take(attrs: &mut Vec<Attribute>, name: &str) -> Option<Attribute> {
    let found = attrs.iter().position(|attr| attr.path().segments.last().is_some_and(|last| last.ident == name))?;
    Some(attrs.remove(found))
}

/// Whether it is the marker that `#[service]` puts beside attributes that it does not know.
pub(crate) fn is_marker(attr: &Attribute) -> bool {
    attr.path().segments.last().is_some_and(|last| last.ident == "in_service")
}

/// The role that `#[cfg_attr(..)]` gives under its condition.
pub(crate) fn mentions_role(attr: &Attribute) -> Option<&'static Role> {
    fn search(tokens: TokenStream) -> Option<&'static Role> {
        tokens.into_iter().find_map(|token| match token {
            TokenTree::Ident(word) => Role::of_attribute(&word.to_string()),
            TokenTree::Group(group) => search(group.stream()),
            _ => None,
        })
    }
    match &attr.meta {
        Meta::List(list) if attr.path().is_ident("cfg_attr") => search(list.tokens.clone()),
        _ => None,
    }
}

/// Whether it is an attribute of rustc or of a tool, which cannot be a role under another name.
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
