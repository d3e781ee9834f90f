//! An annotated function, and the type with its name.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::Type;

use super::{branch, errors, fallback, hidden, ours, place, placed, proof};
use crate::errors::Errors;
use crate::model::{Branch, Shape};
use crate::parse::{Body, Function};

/// A function outside of a service.
pub(crate) fn function(errors: &Errors, branch: &Branch, function: &Function) -> TokenStream {
    let errors = self::errors(errors);
    let written = write(branch, function);
    quote!(#errors #written)
}

/// The function as written, or repaired, with the items beside it. A function of a remote service has no body and is
/// left out.
pub(super) fn write(branch: &Branch, function: &Function) -> TokenStream {
    if branch.is_remote {
        return branch::branch(branch);
    }
    let written = match (&branch.call, asks_barrier(branch, function)) {
        (_, Some(database)) => ask_barrier(branch, database, function),
        (Some(_), None) => as_written(function),
        (None, None) => fallback::mended(branch, function),
    };
    // An impl cannot contain a struct.
    let beside = function.sig.receiver().is_none().then(|| branch::branch(branch));
    quote!(#written #beside)
}

/// The function as written. Only its braces count as generated: so clippy does not report what the role requires, that
/// it is async and takes its payload by value.
fn as_written(function: &Function) -> TokenStream {
    let mut function = function.clone();
    if let Body::Block(block) = &mut function.body {
        block.set_span(Span::mixed_site().located_at(block.span()));
    }
    function.into_token_stream()
}

/// The database of a query-prepared without a body, also if it has mistakes.
fn asks_barrier<'b>(branch: &'b Branch, function: &Function) -> Option<&'b Type> {
    match (branch.role.shape, &function.body) {
        (Shape::QueryPrepared, Body::None(_)) => branch.known.database.as_ref(),
        _ => None,
    }
}

/// A query-prepared without a body, as a function that asks the barrier; so it can be called like the others.
fn ask_barrier(branch: &Branch, database: &Type, function: &Function) -> TokenStream {
    let Branch { krate: bw, vis, name, .. } = branch;
    let (site, shown) = (place(name), hidden(name));
    let (db, gid) = (ours("db", shown), ours("gid", shown));
    let (vis, name) = (placed(vis, shown), placed(name, shown));
    let head = quote_spanned!(shown=> #vis async fn #name);
    let answer = proof(database, &quote!(#bw::__private::AskBarrier), "ask_barrier");
    let (krate, result) = (placed(bw, site), quote_spanned!(site=> ::core::result::Result));
    let rest = quote_spanned! {site=>
        (#db: &#database, #gid: #krate::Gid) -> #result<#krate::Prepared, #krate::Retry> { #answer(#db, #gid).await }
    };
    let attrs = &function.attrs;
    quote!(#(#attrs)* #head #rest)
}
