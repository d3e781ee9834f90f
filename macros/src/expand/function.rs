//! An annotated function: itself, and beside it the type of its name.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::Type;

use super::{branch, errors, fallback, placed, proof};
use crate::errors::Errors;
use crate::model::{Branch, Shape};
use crate::parse::{Body, Function};

/// A function outside of a service.
pub(crate) fn function(errors: &Errors, branch: &Branch, function: &Function) -> TokenStream {
    let errors = self::errors(errors);
    let written = write(branch, function);
    quote!(#errors #written)
}

/// The function as it was written, or mended, with what stands beside it. A function of a remote service has no body and
/// is left out.
pub(super) fn write(branch: &Branch, function: &Function) -> TokenStream {
    if branch.is_remote {
        return branch::branch(branch);
    }
    let written = match (&branch.call, asks_barrier(branch, function)) {
        (_, Some(database)) => ask_barrier(branch, database, function),
        // The role asks for an async function that takes its payload by value.
        (Some(_), None) => quote!(#[allow(clippy::unused_async, clippy::needless_pass_by_value)] #function),
        (None, None) => fallback::mended(branch, function),
    };
    // In an impl no struct can stand beside it.
    let beside = function.sig.receiver().is_none().then(|| branch::branch(branch));
    quote!(#written #beside)
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
    let Function { attrs, sig, .. } = function;
    let fn_token = &sig.fn_token;
    let signature = placed(
        quote! {
            #vis async #fn_token #name(
                db: &#database,
                gid: #bw::Gid,
            ) -> ::core::result::Result<#bw::Prepared, #bw::Retry>
        },
        name.span(),
    );
    let answer = proof(database, &quote!(#bw::__private::AskBarrier), "ask_barrier");
    let body = quote_spanned!(name.span()=> { #answer(db, gid).await });
    quote! {
        #(#attrs)*
        #[allow(dead_code, unreachable_pub, clippy::missing_errors_doc)]
        #signature
        #body
    }
}
