//! What stands beside an annotated function: the type of its name, and what that type can do.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::ext::IdentExt;
use syn::{Ident, LitStr, Path, Type};

use super::{hidden, host, place, placed};
use crate::branch::{Branch, Call, Carried, Role, RoutePath};
use crate::check::{self, text};
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
    Ident::new("AnyState", Span::mixed_site())
}

/// What it is, and its route, as the docs of all that has its name say it.
pub(super) fn described(branch: &Branch) -> String {
    let Branch { role, path, known, .. } = branch;
    let (verb, what) = match role {
        Role::QueryPrepared => ("GET", "A query-prepared"),
        // A branch without payload is called by GET.
        Role::MsgBranch if known.payload.is_none() => ("GET", "A message's branch"),
        Role::MsgBranch => ("POST", "A message's branch"),
    };
    match path {
        RoutePath::Known(path) => format!("{what}: `{verb} {path}`."),
        RoutePath::OfContract => format!("{what}: `{verb}` at the path that the contract gives it."),
        RoutePath::BelowContract(tail) => format!("{what}: `{verb} {tail}` below the contract's base."),
    }
}

/// An empty braced struct: it has a type's name and no value's, and so never meets the function.
fn marker(branch: &Branch) -> TokenStream {
    let Branch { carried: Carried { cfgs, docs, deprecated }, vis, name, .. } = branch;
    let (word, what) = (name.unraw(), described(branch));
    let about = if branch.is_remote {
        format!(" {what} Hosted elsewhere.")
    } else {
        format!(" {what} The function: [`{word}()`](fn@{word}).")
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
    let host = host();
    let contract = quote!(<#host as #bw::__private::HostsContract>);
    let path = match path {
        RoutePath::Known(path) => quote!(#path),
        RoutePath::OfContract => quote!(#bw::__private::path_in(#contract::ROUTES, #name)),
        RoutePath::BelowContract(tail) => quote!(#bw::__private::join_path!(#contract::BASE, #tail)),
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
    let site = place(name);
    let placed_bw = &placed(bw, site);
    let state = state();
    let argument = Ident::new("router", hidden(name));
    let (database, extractors, served, is_database) = match call {
        None => (quote!(#bw::__private::NoDatabase), quote!(), quote!(#argument), None),
        Some(call) => {
            let (database, extractors) = needs(call);
            // That it is a database is asked for once, here, and not again at each mention below.
            let is_database = matches!(call, Call::MsgBranch { .. }).then(|| is_database(bw, database));
            (quote!(#database), quote!(#(#extractors,)*), served(bw, name, call), is_database)
        }
    };
    let one_payload = call.as_ref().map(|call| one_payload(bw, name, call));
    let implemented = quote_spanned! {site=>
        impl #placed_bw::Hosted for #name where #is_database {
            type Database = #database;
            type Extractors = (#extractors);

            fn register<#state>(#argument: #placed_bw::__private::Router<#state>) -> #placed_bw::__private::Router<#state>
            where
                #state: #placed_bw::Holds<Self::Database> + #placed_bw::ExtractsAll<Self::Extractors>,
            {
                #served
            }
        }
    };
    quote!(#one_payload #implemented)
}

/// The database and the extractors of a branch.
fn needs(call: &Call) -> (&Type, &[Type]) {
    match call {
        Call::MsgBranch { database, extractors, .. } => (database, extractors),
        Call::AskBarrier { database } | Call::Decide { database, .. } => (database, &[]),
    }
}

fn is_database(bw: impl ToTokens, database: &Type) -> TokenStream {
    let is_database = placed(quote!(#bw::Database), place(database));
    quote!(#database: #is_database)
}

/// Before the payload come extractors: a type that is a payload as well, and no extractor, is a second one.
fn one_payload(bw: &Path, name: &Ident, call: &Call) -> TokenStream {
    let Call::MsgBranch { extractors, payload: Some(payload), .. } = call else { return TokenStream::new() };
    let unknown = extractors.iter().filter(|ty| !check::is_known_extractor(ty));
    let checks = unknown.map(|ty| {
        let site = place(ty);
        let probe = placed(quote!(#bw::__private::Probe), site);
        let message =
            format!("`{name}` takes two payloads, `{}` and `{}`: make one struct of them", text(ty), text(payload));
        quote_spanned! {site=>
            const _: () = {
                #[allow(unused_imports)]
                use #bw::__private::NotSo as _;
                if #probe::<#ty>::IS_PAYLOAD && !#probe::<#ty>::IS_EXTRACTOR {
                    ::core::panic!(#message);
                }
            };
        }
    });
    checks.collect()
}

/// What a branch asks of the router's state, one by one: the way to it would fill the error.
pub(super) fn asked_of_state(branch: &Branch, bw: &TokenStream, state: &Ident) -> Vec<TokenStream> {
    let site = place(&branch.name);
    let bw = &placed(bw, site);
    let Some(call) = &branch.call else { return Vec::new() };
    let (database, extractors) = needs(call);
    let extracts = extractors.iter().map(|extractor| quote_spanned!(site=> #state: #bw::Extracts<#extractor>));
    let is_database = matches!(call, Call::MsgBranch { .. }).then(|| is_database(bw, database));
    [quote_spanned!(site=> #state: #bw::Holds<#database>)].into_iter().chain(is_database).chain(extracts).collect()
}

fn served(bw: &Path, name: &Ident, call: &Call) -> TokenStream {
    // A function may have the name of any of our variables: with this site they do not meet.
    let site = hidden(name);
    let private = quote!(#bw::__private);
    let route = quote!(&<Self as #bw::Branch>::ROUTE);
    match call {
        Call::MsgBranch { extractors, payload, outcome, .. } => {
            let values: Vec<_> = (0..extractors.len()).map(|n| format_ident!("extractor{n}", span = site)).collect();
            let value = payload.as_ref().map(|_| Ident::new("payload", site));
            let read = payload.as_ref().map(|ty| proof(ty, &quote!(#bw::Payload), "from_json"));
            let read = read.unwrap_or_else(|| quote!(#private::no_payload));
            let outcome = proof(outcome, &quote!(#bw::MustSucceed), "into_outcome");
            let pattern = if payload.is_some() { quote!(#value) } else { quote!(()) };
            // No type is named twice: the function's own say what they are.
            let run = quote_spanned! {site=>
                |tx, (#(#values,)*), #pattern| ::std::boxed::Box::pin(#name(tx, #(#values,)* #value))
            };
            quote_spanned! {site=>
                let branch = #private::BranchFn { run: #run, payload: #read, outcome: #outcome };
                #private::serve_branch(router, #route, #bw::protocol::Op::Action, branch)
            }
        }
        Call::AskBarrier { database } => {
            let ask = proof(database, &quote!(#bw::Database), "ask_barrier");
            quote_spanned! {site=>
                let query_prepared = #private::QueryPreparedFn { ask: #ask, decision: ::core::convert::identity };
                #private::serve_query_prepared(router, #route, query_prepared)
            }
        }
        Call::Decide { database, gid, decision } => {
            let gid = placed(quote!(gid), hidden(gid));
            let decision = proof(decision, &quote!(#bw::Decides), "into_decision");
            let is_database = proof(database, &quote!(#bw::Database), "pool");
            let run = quote_spanned! {site=>
                |db: &#database, #gid: #bw::Gid| ::std::boxed::Box::pin(#name(db, #gid))
            };
            quote_spanned! {site=>
                let _ = #is_database;
                let query_prepared = #private::QueryPreparedFn { ask: #run, decision: #decision };
                #private::serve_query_prepared(router, #route, query_prepared)
            }
        }
    }
}

/// `<T as Trait>::function`, which asks whether `T` is what the trait says, at the user's own token.
pub(crate) fn proof(ty: &Type, of: &TokenStream, function: &str) -> TokenStream {
    let (first, last) = ends(ty);
    let function = Ident::new(function, last);
    let (open, of, close) = (quote_spanned!(first=> <), placed(of, first), quote_spanned!(last=> >::#function));
    quote!(#open #ty as #of #close)
}
