//! An attribute that gives a function its role: `#[msg_branch]`, `#[query_prepared]`.

use proc_macro2::{Group, TokenStream, TokenTree};
use quote::quote;
use syn::FnArg;

use crate::branch::{Branch, Role};
use crate::errors::Errors;
use crate::parse::{self, Accepted, Body, Function, Options};
use crate::{check, expand, krate};

/// What the attribute writes in place of the function.
pub(crate) fn expand(role: Role, options: TokenStream, item: &TokenStream) -> TokenStream {
    let mut errors = Errors::default();
    let options = Options::read(options, &accepted(role), &mut errors);
    let Ok(mut function) = syn::parse2::<Function>(item.clone()) else {
        return not_a_function(role, item, errors);
    };
    let attrs = std::mem::take(&mut function.attrs);
    let (roles, kept) = parse::split_roles(attrs);
    function.attrs = kept;
    for other in &roles {
        errors.push(other, format_args!("`{}` is {} already: one function, one role", function.sig.ident, role.noun()));
    }
    let bw = options.path("crate").cloned().unwrap_or_else(krate::path);
    let path = match &options.text {
        Some(path) => check::branch_path(path, &mut errors),
        None => check::derived_path(role, &function.sig.ident, &mut errors),
    };
    let carried = parse::carried(&function.attrs);
    let (call, known) = check::call(role, options.flag("no_payload"), &function, &mut errors);
    let call = call.filter(|_| errors.is_empty());
    let (vis, name) = (function.vis.clone(), function.sig.ident.clone());
    let branch = Branch { krate: bw, carried, vis, name, role, path, known, call };
    let beside = expand::branch(&branch);
    let function = if branch.call.is_some() { written(&branch, &function) } else { mended(&branch, function) };
    quote!(#errors #function #beside)
}

fn accepted(role: Role) -> Accepted {
    match role {
        Role::MsgBranch => Accepted {
            attribute: "#[msg_branch]",
            text: Some("path"),
            example: "#[msg_branch(\"/trans-in\")]",
            flags: &["no_payload"],
            paths: &["crate"],
        },
        Role::QueryPrepared => Accepted {
            attribute: "#[query_prepared]",
            text: Some("path"),
            example: "#[query_prepared(\"/transfer-prepared\")]",
            flags: &[],
            paths: &["crate"],
        },
    }
}

/// The function as it was written. One without a body becomes one that asks the barrier, so that it can be called, too.
fn written(branch: &Branch, function: &Function) -> TokenStream {
    let (Role::QueryPrepared, Body::None(_), Some(database)) = (branch.role, &function.body, &branch.known.database)
    else {
        // What a role asks for is no fault of the function: it is async, and gets its payload by value.
        return quote!(#[allow(clippy::unused_async, clippy::needless_pass_by_value)] #function);
    };
    let Branch { krate: bw, vis, name, .. } = branch;
    let attrs = &function.attrs;
    quote! {
        #(#attrs)*
        #[allow(dead_code, unreachable_pub, clippy::missing_errors_doc)]
        #vis async fn #name(
            db: &#database,
            gid: #bw::Gid,
        ) -> ::core::result::Result<#bw::Prepared, #bw::Retry> {
            #bw::__private::ask_barrier(db, gid).await
        }
    }
}

/// The function in the form that rustc has the least to say about: what is wrong was said.
fn mended(branch: &Branch, mut function: Function) -> TokenStream {
    if let (Role::QueryPrepared, Body::None(_), Some(_)) = (branch.role, &function.body, &branch.known.database) {
        return written(branch, &function);
    }
    let receiver = function.sig.receiver().is_some();
    let sig = &mut function.sig;
    sig.asyncness.get_or_insert_with(Default::default);
    (sig.constness, sig.abi, sig.variadic) = (None, None, None);
    sig.safety = syn::Safety::Default;
    sig.inputs = std::mem::take(&mut sig.inputs).into_iter().filter(|input| matches!(input, FnArg::Typed(_))).collect();
    if receiver || matches!(function.body, Body::None(_)) {
        function.body = Body::Block(unreachable_body());
    }
    quote!(#[allow(unused)] #function)
}

fn unreachable_body() -> Group {
    let body = quote!({ ::core::unreachable!() });
    match body.into_iter().next() {
        Some(TokenTree::Group(group)) => group,
        _ => unreachable!("a block is one group"),
    }
}

fn not_a_function(role: Role, item: &TokenStream, mut errors: Errors) -> TokenStream {
    let what = parse::kind(item);
    errors.push(parse::head(item), format_args!("`{role}` stands on a free function, not on {what}"));
    errors.show_usage(role.usage());
    quote!(#errors #item)
}
