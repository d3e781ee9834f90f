//! What stands beside an annotated function: the type of its name, and what that type can do.

use proc_macro2::{Span, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::ext::IdentExt;
use syn::{Ident, LitStr, Path, Type};

use crate::branch::{Branch, Call, Carried, Role, RoutePath};
use crate::check::text;
use crate::errors::ends;

/// The type of the function's name, with its role.
///
/// A function with mistakes has one as well, with what is known of it, so that nothing that names it is an error, too.
pub(crate) fn branch(branch: &Branch) -> TokenStream {
    let Branch { krate: bw, carried, name, .. } = branch;
    let cfgs = &carried.cfgs;
    let marker = marker(branch);
    let address = address(branch);
    let route = route(branch);
    let hosted = (!branch.is_remote).then(|| hosted(branch));
    quote! {
        #marker

        #(#cfgs)*
        #[allow(deprecated)]
        const _: () = {
            impl #bw::Branch for #name {
                #route
                #address
            }

            #hosted
        };
    }
}

/// The type parameter of a router's state: a name that no user writes, since type parameters are not hygienic.
fn state() -> Ident {
    Ident::new("BranchwireState", Span::mixed_site())
}

/// An empty braced struct: it has a type's name and no value's, and so never meets the function.
fn marker(branch: &Branch) -> TokenStream {
    let Branch { carried: Carried { cfgs, docs, deprecated }, vis, name, role, path, .. } = branch;
    let word = name.unraw();
    let (verb, what) = match role {
        Role::MsgBranch => ("POST", "A message's branch"),
        Role::QueryPrepared => ("GET", "A query-prepared"),
    };
    let route = match path {
        RoutePath::Known(path) => format!("`{verb} {path}`"),
        RoutePath::OfContract(_) => format!("`{verb}` at the path that the contract gives it"),
        RoutePath::BelowContract(_, tail) => format!("`{verb} {tail}` below the contract's base"),
    };
    let about = if branch.is_remote {
        format!("{what}, hosted elsewhere: {route}.")
    } else {
        format!("{what}: {route}. The function: [`{word}()`](fn@{word}).")
    };
    let break_after_docs = (!docs.is_empty()).then(|| quote!(#[doc = ""]));
    quote! {
        #(#cfgs)*
        #(#docs)*
        #break_after_docs
        #[doc = #about]
        #(#deprecated)*
        #[allow(non_camel_case_types, dead_code, unreachable_pub)]
        #vis struct #name {}
    }
}

fn address(branch: &Branch) -> TokenStream {
    let Branch { krate: bw, role, known, .. } = branch;
    let path = quote!(Self::ROUTE.path);
    let (ty, value) = match (role, &known.payload, &known.database) {
        (Role::MsgBranch, Some(payload), _) => {
            (quote!(#bw::MsgAddress<#payload>), quote!(#bw::MsgAddress::new(service, #path)))
        }
        (Role::MsgBranch, None, _) => (quote!(#bw::MsgBranch), quote!(#bw::MsgBranch::without_payload(service, #path))),
        (Role::QueryPrepared, _, Some(database)) => {
            (quote!(#bw::QueryPrepared<#database>), quote!(#bw::QueryPrepared::new(service, #path)))
        }
        (Role::QueryPrepared, _, None) => {
            (quote!(#bw::QueryPrepared<()>), quote!(#bw::QueryPrepared::new(service, #path)))
        }
    };
    quote! {
        type Address = #ty;

        fn address(service: &#bw::ServiceUrl) -> Self::Address {
            #value
        }
    }
}

/// A line in the list of routes.
fn route(branch: &Branch) -> TokenStream {
    let Branch { krate: bw, carried, name, role, path, known, .. } = branch;
    let name = LitStr::new(&name.unraw().to_string(), Span::mixed_site());
    let variant = match role {
        Role::MsgBranch => quote!(MsgBranch),
        Role::QueryPrepared => quote!(QueryPrepared),
    };
    let payload = known.payload.as_ref().map(text).unwrap_or_default();
    let database = known.database.as_ref().map(text).unwrap_or_default();
    let doc = carried.first_line();
    let path = match path {
        RoutePath::Known(path) => quote!(#path),
        RoutePath::OfContract(contract) => quote!(#bw::__private::path_in(super::#contract::ROUTES, #name)),
        RoutePath::BelowContract(contract, tail) => {
            quote!(#bw::__private::join_path!(super::#contract::__BRANCHWIRE_BASE, #tail))
        }
    };
    quote! {
        const ROUTE: #bw::Route = #bw::Route {
            name: #name,
            path: #path,
            role: #bw::Role::#variant,
            payload: #payload,
            database: #database,
            doc: #doc,
        };
    }
}

/// How the router serves it, and what it asks of the router's state.
fn hosted(branch: &Branch) -> TokenStream {
    let Branch { krate: bw, name, call, .. } = branch;
    let state = state();
    let router = quote!(#bw::__private::Router<#state>);
    let Some(call) = call else {
        return quote! {
            impl<#state> #bw::Hosted<#state> for #name {
                fn register(router: #router) -> #router {
                    router
                }
            }
        };
    };
    let (database, extractors): (_, &[Type]) = match call {
        Call::MsgBranch { database, extractors, .. } => (database, extractors),
        Call::AskBarrier { database } | Call::Decide { database, .. } => (database, &[]),
    };
    let served = served(bw, name, call);
    let argument = Ident::new("router", Span::mixed_site());
    quote! {
        impl<#state> #bw::Hosted<#state> for #name
        where
            #state: ::core::clone::Clone + ::core::marker::Send + ::core::marker::Sync + 'static,
            #database: #bw::InState<#state>,
            #(#extractors: #bw::Extractor<#state>,)*
        {
            fn register(#argument: #router) -> #router {
                #served
            }
        }
    }
}

fn served(bw: &Path, name: &Ident, call: &Call) -> TokenStream {
    // A function may have the name of any of our variables: with this site they do not meet.
    let site = Span::mixed_site();
    let private = quote!(#bw::__private);
    // A name that no user writes, since items are not hygienic.
    let run = Ident::new("__branchwire_run", site);
    let route = quote!(&<Self as #bw::Branch>::ROUTE);
    match call {
        Call::MsgBranch { database, extractors, payload, outcome } => {
            let values: Vec<_> = (0..extractors.len()).map(|n| format_ident!("extractor{n}", span = site)).collect();
            let (parameter, value, read) = match payload {
                Some(ty) => (
                    quote_spanned!(site=> payload: #ty),
                    quote_spanned!(site=> payload),
                    proof(ty, &quote!(#bw::Payload), "from_json"),
                ),
                None => (quote!((): ()), quote!(), quote!(#private::no_payload)),
            };
            let outcome_read = proof(outcome, &quote!(#bw::MustSucceed), "into_outcome");
            quote_spanned! {site=>
                fn #run(
                    tx: &mut #bw::Tx<#database>,
                    (#(#values,)*): (#(#extractors,)*),
                    #parameter,
                ) -> #private::BoxFuture<'_, #outcome> {
                    ::std::boxed::Box::pin(#name(tx, #(#values,)* #value))
                }
                let branch = #private::BranchFn { run: #run, payload: #read, outcome: #outcome_read };
                #private::serve_branch(router, #route, #bw::protocol::Op::Action, branch)
            }
        }
        Call::AskBarrier { database } => quote_spanned! {site=>
            let query_prepared = #private::QueryPreparedFn {
                ask: #private::ask_barrier::<#database>,
                decision: ::core::convert::identity,
            };
            #private::serve_query_prepared(router, #route, query_prepared)
        },
        Call::Decide { database, gid, decision } => {
            let gid = at(gid, quote!(gid));
            let decision_read = proof(decision, &quote!(#bw::Decides), "into_decision");
            quote_spanned! {site=>
                fn #run(db: &#database, #gid: #bw::Gid) -> #private::BoxFuture<'_, #decision> {
                    ::std::boxed::Box::pin(#name(db, #gid))
                }
                let query_prepared = #private::QueryPreparedFn { ask: #run, decision: #decision_read };
                #private::serve_query_prepared(router, #route, query_prepared)
            }
        }
    }
}

/// These tokens, at the place of a type that the user wrote: what is wrong with them is wrong there.
fn at(ty: &Type, tokens: TokenStream) -> TokenStream {
    let place = Span::mixed_site().located_at(ends(ty).0);
    tokens
        .into_iter()
        .map(|mut token| {
            token.set_span(place);
            token
        })
        .collect()
}

/// `<T as Trait>::function`, which asks whether `T` is what the trait says, at the user's own token.
fn proof(ty: &Type, of: &TokenStream, function: &str) -> TokenStream {
    let (first, last) = ends(ty);
    let (first, last) = (Span::mixed_site().located_at(first), Span::mixed_site().located_at(last));
    let function = Ident::new(function, last);
    let open = quote_spanned!(first=> <);
    let close = quote_spanned!(last=> >::#function);
    quote!(#open #ty as #of #close)
}
