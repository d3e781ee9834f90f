//! An attribute that gives a function its role: `#[msg_branch]`, `#[query_prepared]`.

use proc_macro2::{Group, Span, TokenStream, TokenTree};
use quote::{quote, quote_spanned};
use syn::{Attribute, FnArg, Path, Type};

use crate::branch::{Base, Branch, Role, RoutePath};
use crate::errors::Errors;
use crate::parse::{self, Accepted, Body, Function, Options};
use crate::{check, expand, krate};

/// Where an annotated function stands.
pub(crate) struct Place<'a> {
    pub(crate) krate: &'a Path,
    pub(crate) base: &'a Base,
    pub(crate) is_remote: bool,
}

/// The option with which `#[service]` uses the attributes that it has collected; they then write nothing.
pub(crate) const COLLECTED: &str = "__branchwire_collected";

/// What the attribute writes in place of a function outside of a service.
pub(crate) fn expand(role: Role, options: TokenStream, item: &TokenStream) -> TokenStream {
    if options.to_string() == COLLECTED {
        return TokenStream::new();
    }
    let mut errors = Errors::default();
    let Ok(mut function) = syn::parse2::<Function>(item.clone()) else {
        return not_a_function(role, item);
    };
    let options = Options::read(options, &accepted(role), &mut errors);
    let krate = options.path("crate").cloned().unwrap_or_else(krate::path);
    let seen = function.attrs.iter().position(parse::is_marker);
    if let Some(marker) = seen {
        function.attrs.remove(marker);
        errors.push_at(
            Span::call_site(),
            format_args!("inside `#[service]` write this attribute as `{role}`: it is looked for by its name"),
        );
    }
    let place = Place { krate: &krate, base: &Base::Known(String::new()), is_remote: false };
    if seen.is_some() {
        // Not collected, so no branch: its type would only meet the one that another role has made.
        if let Body::None(_) = function.body {
            function.body = Body::Block(unreachable_body());
        }
        return quote!(#errors #[allow(unused)] #function);
    }
    let branch = read(role, &options, &mut function, &place, &mut errors);
    let written = write(&branch, function);
    quote!(#errors #written)
}

/// Reads a function in its role. Its other role attributes are refused and taken away.
pub(crate) fn read(
    role: Role,
    options: &Options,
    function: &mut Function,
    place: &Place<'_>,
    errors: &mut Errors,
) -> Branch {
    let mut mistakes = Errors::default();
    let (roles, kept) = parse::split_roles(std::mem::take(&mut function.attrs));
    function.attrs = kept;
    let name = function.sig.ident.clone();
    for other in &roles {
        mistakes.push(other, format_args!("`{name}` is {} already: one function, one role", role.noun()));
    }
    let path = path(role, options, &name, place, &mut mistakes);
    let (call, known) = if place.is_remote {
        (None, check::remote(role, function, &mut mistakes))
    } else {
        check::call(role, options.flag("no_payload"), function, &mut mistakes)
    };
    let call = call.filter(|_| mistakes.is_empty());
    errors.append(mistakes);
    Branch {
        krate: place.krate.clone(),
        carried: parse::carried(&function.attrs),
        vis: function.vis.clone(),
        name,
        role,
        path,
        known,
        call,
        is_remote: place.is_remote,
    }
}

fn path(role: Role, options: &Options, name: &syn::Ident, place: &Place<'_>, errors: &mut Errors) -> RoutePath {
    match (place.base, &options.text) {
        (Base::Contract(_), Some(text)) if role.is_in_contracts() => {
            errors.push(text, format_args!("the contract gives `{name}` its path: remove this one"));
            RoutePath::Known(text.value())
        }
        (Base::Contract(_), None) if role.is_in_contracts() => RoutePath::OfContract,
        (base, text) => {
            let tail = match text {
                Some(text) => check::branch_path(text, errors),
                None => check::derived_path(role, name, errors),
            };
            match base {
                Base::Known(base) => RoutePath::Known(format!("{base}{tail}")),
                Base::Contract(_) => RoutePath::BelowContract(tail),
            }
        }
    }
}

/// The function as it was written, or mended, and what stands beside it.
pub(crate) fn write(branch: &Branch, function: Function) -> TokenStream {
    if branch.is_remote {
        return expand::branch(branch);
    }
    if function.sig.receiver().is_some() {
        // In an impl nothing can stand beside it.
        return mended(branch, function);
    }
    let beside = expand::branch(branch);
    let function = if branch.call.is_some() { written(branch, &function) } else { mended(branch, function) };
    quote!(#function #beside)
}

/// What a role's attribute takes.
pub(crate) fn accepted(role: Role) -> Accepted {
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
    let Function { attrs, sig, .. } = function;
    let fn_token = &sig.fn_token;
    let signature = expand::placed(
        quote! {
            #vis async #fn_token #name(
                db: &#database,
                gid: #bw::Gid,
            ) -> ::core::result::Result<#bw::Prepared, #bw::Retry>
        },
        name.span(),
    );
    let answer = expand::proof(database, &quote!(#bw::Database), "ask_barrier");
    let body = quote_spanned!(name.span()=> { #answer(db, gid).await });
    quote! {
        #(#attrs)*
        #[allow(dead_code, unreachable_pub, clippy::missing_errors_doc)]
        #signature
        #body
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
    let mut incomplete = false;
    for (index, input) in sig.inputs.iter_mut().enumerate() {
        let FnArg::Typed(typed) = input else { continue };
        if check::is_transaction_of_none(&typed.ty) {
            typed.ty = syn::parse_quote!(&mut impl ::core::marker::Sized);
            incomplete = true;
        } else if index == 0 {
            by_reference(branch.role, &mut typed.ty);
        }
    }
    if receiver || incomplete || matches!(function.body, Body::None(_)) {
        function.body = Body::Block(unreachable_body());
    }
    quote!(#[allow(unused)] #function)
}

/// The first argument as its role takes it: then the body has nothing to complain of.
fn by_reference(role: Role, ty: &mut Type) {
    let inner = if let Type::Reference(reference) = &*ty { (*reference.elem).clone() } else { ty.clone() };
    match role {
        Role::MsgBranch if check::is_transaction(&inner) => *ty = syn::parse_quote!(&mut #inner),
        Role::QueryPrepared if !check::is_transaction(&inner) => *ty = syn::parse_quote!(&#inner),
        Role::MsgBranch | Role::QueryPrepared => {}
    }
}

fn unreachable_body() -> Group {
    let body = quote!({ ::core::unreachable!() });
    match body.into_iter().next() {
        Some(TokenTree::Group(group)) => group,
        _ => unreachable!("a block is one group"),
    }
}

fn not_a_function(role: Role, item: &TokenStream) -> TokenStream {
    let mut errors = Errors::default();
    let what = parse::kind(item);
    errors.push(parse::head(item), format_args!("`{role}` stands on a free function, not on {what}"));
    errors.show_usage(role.usage());
    quote!(#errors #item)
}

/// The options of an attribute that `#[service]` found on a function.
pub(crate) fn options(role: Role, attr: &Attribute, errors: &mut Errors) -> Options {
    let tokens = match &attr.meta {
        syn::Meta::List(list) => list.tokens.clone(),
        _ => TokenStream::new(),
    };
    Options::read(tokens, &accepted(role), errors)
}
