//! The type that is generated beside an annotated function, with the traits of its role.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::ext::IdentExt;
use syn::{Ident, LitStr, Path, Type};

use super::contract::host;
use super::value::{of_value, or_unit};
use super::{allow_deprecated, hidden, ours, place, placed, proof, state};
use crate::model::{Branch, Call, Carried, Extractor, Pair, Role, RoutePath, Second, Shape};
use crate::tokens::text;

/// The type with the function's name, with the traits of its role.
///
/// A function with mistakes gets it as well, with the types that could be read: so there is no second error in other
/// items that use the name.
pub(super) fn branch(branch: &Branch) -> TokenStream {
    let Branch { krate: bw, carried, name, .. } = branch;
    let cfgs = &carried.cfgs;
    let marker = marker(branch);
    let address = address(branch);
    let read_back = read_back(branch);
    let route = route(branch);
    let hosted = (!branch.is_remote).then(|| hosted(branch));
    let pair = pair(branch);
    let allow = allow_deprecated(carried.is_deprecated);
    quote! {
        #marker

        #(#cfgs)*
        #allow
        const _: () = {
            impl #bw::Branch for #name {
                #route
                #read_back
                #address
            }

            #hosted
            #pair
        };
    }
}

/// The line in the docs of all generated items: the role and the route.
pub(super) fn described(branch: &Branch) -> String {
    let Branch { role, path, known, .. } = branch;
    // A coordinator calls a branch without a payload by GET.
    let verb = if known.payload.is_some() { "POST" } else { "GET" };
    let noun = role.noun;
    let what = format!("{}{}", noun[..1].to_uppercase(), &noun[1..]);
    match path {
        RoutePath::Known(path) => format!("{what}: `{verb} {path}`."),
        RoutePath::OfContract => format!("{what}: `{verb}` at the path that the contract gives it."),
        RoutePath::BelowContract(tail) => format!("{what}: `{verb} {tail}` below the contract's base."),
    }
}

/// An empty braced struct: its name is only in the type namespace, so it does not conflict with the function.
fn marker(branch: &Branch) -> TokenStream {
    let Branch { carried: Carried { cfgs, docs, deprecated, .. }, vis, name, .. } = branch;
    let (word, what) = (name.unraw(), described(branch));
    let about = if branch.is_remote {
        format!(" {what} Hosted elsewhere.")
    } else {
        format!(" {what} The function: [`{word}()`](fn@{word}).")
    };
    let break_after_docs = (!docs.is_empty()).then(|| quote!(#[doc = ""]));
    let (vis, name) = (placed(vis, hidden(name)), placed(name, hidden(name)));
    quote! {
        #(#cfgs)*
        #(#docs)*
        #break_after_docs
        #[doc = #about]
        #(#deprecated)*
        #vis struct #name {}
    }
}

fn address(branch: &Branch) -> TokenStream {
    let Branch { krate: bw, known, .. } = branch;
    let path = quote!(<Self as #bw::Branch>::ROUTE.path);
    let service = ours("service", Span::mixed_site());
    let ty = address_type(branch, bw);
    let value = match (branch.role.shape, &known.payload) {
        (Shape::Branch, _) if branch.role.second().is_some() => {
            let address = Ident::new(branch.role.address, Span::mixed_site());
            quote!(#bw::#address::new())
        }
        (Shape::Branch, None) => {
            let sent_as = Ident::new(branch.role.sent_as, Span::mixed_site());
            let undo = undo_path(branch);
            quote!(#bw::#sent_as::without_payload(#service, #path #undo))
        }
        (Shape::Branch, Some(_)) => {
            let address = Ident::new(branch.role.address, Span::mixed_site());
            let undo = undo_path(branch);
            quote!(#bw::#address::new(#service, #path #undo, <Self as #bw::Branch>::READ_BACK))
        }
        (Shape::QueryPrepared, _) => {
            let address = Ident::new(branch.role.address, Span::mixed_site());
            quote!(#bw::#address::new(#service, #path))
        }
    };
    // Nobody but a coordinator calls a compensation, so its address is none.
    let argument = if branch.role.second().is_some() { quote!(_) } else { quote!(#service) };
    quote! {
        type Address = #ty;

        fn address(#argument: &#bw::ServiceUrl) -> Self::Address {
            #value
        }
    }
}

/// The paths of the second functions, and what reads the value of a try, as more arguments.
pub(super) fn undo_path(branch: &Branch) -> Option<TokenStream> {
    let Branch { krate: bw, name, role, known, .. } = branch;
    let first = role.first()?;
    // At the place of the proof below, so that rustc reports a second function that is missing once.
    let site = place(name);
    let at_name = placed(bw, site);
    let paths = first.seconds.iter().filter_map(|second| second.second()).map(|second| {
        let known = Ident::new(second.known, site);
        quote_spanned!(site=> , <<#name as #at_name::#known>::By as #at_name::Branch>::ROUTE.path)
    });
    // Only a TCC's client reads it.
    let read = (role.attribute == "tcc_try").then(|| {
        let unit = syn::parse_quote!(());
        let read = proof(known.value.as_ref().unwrap_or(&unit), &quote!(#bw::Stored), "read");
        quote!(, #read)
    });
    Some(quote!(#(#paths)* #read))
}

/// What the functions of a pair prove about each other.
fn pair(branch: &Branch) -> Option<TokenStream> {
    let Branch { name, pair, .. } = branch;
    match pair {
        Pair::Alone | Pair::Second(None) => None,
        Pair::First { without } => Some(first(branch, without)),
        Pair::Second(Some(of)) => {
            let second = branch.role.second()?;
            Some(second_half(branch, second, name, of))
        }
    }
}

/// A first function: what its second ones have to match, and that it has them.
fn first(branch: &Branch, without: &[&'static Role]) -> TokenStream {
    let Branch { krate: bw, name, role, known, service, .. } = branch;
    let site = place(name);
    let at_name = placed(bw, site);
    let Some(first) = role.first() else { return TokenStream::new() };
    let trait_of_first = Ident::new(first.known, Span::mixed_site());
    let (database, payload) = (or_unit(known.database.as_ref(), site), or_unit(known.payload.as_ref(), site));
    let value = or_unit(known.value.as_ref(), site);
    let stored = known.value.as_ref().map(|ty| {
        let site = place(ty);
        let stored = placed(quote!(#bw::Stored), site);
        quote_spanned!(site=> const _: () = <#ty as #stored>::HOLDS;)
    });
    let seconds = first.seconds.iter().map(|second| {
        let Some(known) = second.second() else { return TokenStream::new() };
        if without.iter().any(|role| role.attribute == second.attribute) {
            let known = Ident::new(known.known, Span::mixed_site());
            quote! {
                impl #bw::#known for #name {
                    type By = #bw::__private::NothingToUndo;
                }
            }
        } else {
            let known = Ident::new(known.known, site);
            quote_spanned!(site=> const _: () = <#name as #at_name::#known>::HOLDS;)
        }
    });
    quote! {
        impl #bw::#trait_of_first for #name {
            type Database = #database;
            type Payload = #payload;
            type Value = #value;
            const SERVICE: &'static ::core::primitive::str = #service;
        }
        #stored
        #(#seconds)*
    }
}

/// A second function: that it matches the first one.
fn second_half(branch: &Branch, second: &Second, name: &Ident, of: &Path) -> TokenStream {
    let Branch { krate: bw, known, service, .. } = branch;
    let site = place(name);
    // The only place where the path stands, so that rustc reports a wrong one once.
    let of_site = place(of);
    let alias = ours("First", of_site);
    let first = quote_spanned!(of_site=> type #alias = #of;);
    let alias_first = Ident::new(second.of.first().map_or("", |first| first.known), of_site);
    let projection = placed(quote!(<#alias as #bw::#alias_first>), of_site);
    let paired_by = Ident::new(second.known, of_site);
    let paired_by = placed(quote!(#bw::#paired_by), of_site);
    let paired = quote_spanned!(of_site=> impl #paired_by for #alias { type By = #name; });
    let same = |ty: &TokenStream, site: Span, same: TokenStream, of: TokenStream| {
        let same = placed(quote!(#bw::#same), site);
        let of = placed(quote!(#projection::#of), of_site);
        quote_spanned!(site=> const _: () = <#ty as #same<#of>>::HOLDS;)
    };
    let payload = or_unit(known.payload.as_ref(), site);
    let payload_site = known.payload.as_ref().map_or(site, place);
    let payload = same(&payload, payload_site, quote!(SamePayload), quote!(Payload));
    // A remote service has no databases.
    let database = known
        .database
        .as_ref()
        .map(|ty| same(&ty.to_token_stream(), place(ty), quote!(SameDatabase), quote!(Database)));
    let kept = known.kept.as_ref().map(|ty| same(&ty.to_token_stream(), place(ty), quote!(SameKept), quote!(Value)));
    // In a service the names were compared.
    let service = service.is_empty().then(|| {
        let noun = second.of.first().map_or("", |first| first.noun);
        let message = format!("`{name}` and its {noun} are in two services: a service holds both");
        quote_spanned!(of_site=> const _: () = ::core::assert!(#projection::SERVICE.is_empty(), #message);)
    });
    quote!(#first #paired #payload #database #kept #service)
}

/// Reads a payload back before it is sent. A type that cannot be read is reported at the route's use of it.
fn read_back(branch: &Branch) -> Option<TokenStream> {
    let Branch { krate: bw, role, known, .. } = branch;
    let payload = known.payload.as_ref().filter(|_| matches!(role.shape, Shape::Branch))?;
    if role.second().is_some() {
        // Nobody sends to it: the action's payload is read back.
        return None;
    }
    let site = place(payload);
    // If the type itself has the constant, the trait is not needed.
    let import = quote_spanned!(hidden(payload)=> use #bw::__private::NotSo as _;);
    let bw = placed(bw, site);
    Some(quote_spanned! {site=>
        const READ_BACK: #bw::__private::ReadBack = {
            #import
            #bw::__private::Probe::<#payload>::READ_BACK
        };
    })
}

/// The type of its address, with its payload or its database as parameter. Without a payload the address is already a
/// call.
pub(super) fn address_type(branch: &Branch, bw: impl ToTokens) -> TokenStream {
    let Branch { role, known, .. } = branch;
    let address = Ident::new(role.address, Span::mixed_site());
    let value = known.value.as_ref();
    match (role.shape, &known.payload, &known.database) {
        (Shape::Branch, Some(payload), _) => {
            let value = value.map(|value| quote!(, #value));
            quote!(#bw::#address<#payload #value>)
        }
        (Shape::Branch, None, _) => {
            let (sent_as, value) = (Ident::new(role.sent_as, Span::mixed_site()), of_value(branch));
            quote!(#bw::#sent_as #value)
        }
        (Shape::QueryPrepared, _, Some(database)) => quote!(#bw::#address<#database>),
        (Shape::QueryPrepared, _, None) => quote!(#bw::#address<()>),
    }
}

/// The branch's entry in the list of routes.
fn route(branch: &Branch) -> TokenStream {
    let Branch { krate: bw, carried, name, role, path, known, .. } = branch;
    let name = LitStr::new(&name.unraw().to_string(), Span::mixed_site());
    let variant = Ident::new(role.variant, Span::mixed_site());
    let payload = known.payload.as_ref().map(text).unwrap_or_default();
    let database = known.database.as_ref().map(text).unwrap_or_default();
    let of = match &branch.pair {
        Pair::Second(Some(of)) => of.segments.last().map(|last| last.ident.unraw().to_string()).unwrap_or_default(),
        Pair::Alone | Pair::First { .. } | Pair::Second(None) => String::new(),
    };
    let doc = &carried.summary;
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
            of: #of,
            doc: #doc,
        };
    }
}

/// Implements how a router serves it, with the bounds on the router's state.
fn hosted(branch: &Branch) -> TokenStream {
    let Branch { krate: bw, name, call, .. } = branch;
    let site = place(name);
    let placed_bw = &placed(bw, site);
    let (state, argument) = (state(site), ours("router", hidden(name)));
    let (database, extractors, served, is_database) = match call {
        None => (quote!(#bw::__private::NoDatabase), quote!(), quote!(#argument), None),
        Some(call) => {
            let (database, extractors) = needs(call);
            // The bound is written only once, and not at each use below, so that rustc reports it once.
            (quote!(#database), quote!(#(#extractors,)*), served(branch, call), is_database(bw, call))
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
fn needs(call: &Call) -> (&Type, Vec<&Type>) {
    match call {
        Call::Branch { database, extractors, .. } => {
            (database, extractors.iter().map(|extractor| &extractor.ty).collect())
        }
        Call::AskBarrier { database } | Call::Decide { database, .. } => (database, Vec::new()),
    }
}

/// The bound that a branch's database implements `Database`. In a query-prepared a value proves that.
fn is_database(bw: impl ToTokens, call: &Call) -> Option<TokenStream> {
    let Call::Branch { database, .. } = call else { return None };
    let is_database = placed(quote!(#bw::Database), place(database));
    Some(quote!(#database: #is_database))
}

/// Refuses a second payload: a type before the payload that can be read from JSON and is not an extractor.
fn one_payload(bw: &Path, name: &Ident, call: &Call) -> TokenStream {
    let Call::Branch { extractors, payload: Some(payload), .. } = call else { return TokenStream::new() };
    let unknown = extractors.iter().filter(|extractor| !extractor.is_known);
    let checks = unknown.map(|Extractor { ty, .. }| {
        let site = place(ty);
        let probe = placed(quote!(#bw::__private::Probe), site);
        let message =
            format!("`{name}` takes two payloads, `{}` and `{}`: make one struct of them", text(ty), text(payload));
        // If the type itself has the constants, the trait is not needed.
        let import = quote_spanned!(hidden(ty)=> use #bw::__private::NotSo as _;);
        quote_spanned! {site=>
            const _: () = {
                #import
                if #probe::<#ty>::IS_PAYLOAD && !#probe::<#ty>::IS_EXTRACTOR {
                    ::core::panic!(#message);
                }
            };
        }
    });
    checks.collect()
}

/// The bounds on the router's state, one by one: for a common bound rustc would list the steps to each.
pub(super) fn asked_of_state(branch: &Branch, bw: &TokenStream, state: &Ident) -> Vec<TokenStream> {
    let site = place(&branch.name);
    let bw = &placed(bw, site);
    let Some(call) = &branch.call else { return Vec::new() };
    let (database, extractors) = needs(call);
    let extracts = extractors.iter().map(|extractor| quote_spanned!(site=> #state: #bw::Extracts<#extractor>));
    let is_database = is_database(bw, call);
    [quote_spanned!(site=> #state: #bw::Holds<#database>)].into_iter().chain(is_database).chain(extracts).collect()
}

/// The body of `register`.
fn served(branch: &Branch, call: &Call) -> TokenStream {
    let Branch { krate: bw, name, role, .. } = branch;
    let (result_trait, into) = role.result_trait;
    let result_trait = Ident::new(result_trait, Span::mixed_site());
    let result_trait = quote!(#bw::#result_trait);
    let site = hidden(name);
    let (router, query_prepared) = (ours("router", site), ours("query_prepared", site));
    let private = quote!(#bw::__private);
    let route = quote!(&<Self as #bw::Branch>::ROUTE);
    match call {
        Call::Branch { extractors, payload, takes_kept, result, .. } => {
            let (tx, this) = (ours("tx", site), ours("branch", site));
            let of_first = ours("kept", site);
            let values: Vec<_> = (0..extractors.len()).map(|n| ours(&format!("extractor{n}"), site)).collect();
            let value = payload.as_ref().map(|_| ours("payload", site));
            let read = payload.as_ref().map(|ty| proof(ty, &quote!(#bw::Payload), "from_json"));
            let read = read.unwrap_or_else(|| quote!(#private::no_payload));
            let outcome = proof(result, &result_trait, into);
            let pattern = if payload.is_some() { quote!(#value) } else { quote!(()) };
            // The closure has no types: the function already has them.
            let comma = payload.as_ref().map(|_| quote!(,));
            let (of_first, kept, read_kept) = match branch.known.kept.as_ref().filter(|_| *takes_kept) {
                Some(ty) => {
                    let kept = quote_spanned!(site=> #bw::Kept(#of_first));
                    (quote!(#of_first), Some(kept), proof(ty, &quote!(#bw::Stored), "read"))
                }
                None => (quote!(()), None, quote!(#private::no_payload)),
            };
            let run = quote_spanned! {site=>
                |#tx, (#(#values,)*), #pattern, #of_first| ::std::boxed::Box::pin(#name(#tx, #(#values,)* #value #comma #kept))
            };
            let written = branch.known.value.as_ref().map(|ty| {
                let write = proof(ty, &quote!(#bw::Stored), "write");
                quote!(::core::option::Option::Some(#write))
            });
            let written = written.unwrap_or_else(|| quote!(::core::option::Option::None));
            quote_spanned! {site=>
                let #this = #private::BranchFn {
                    run: #run,
                    payload: #read,
                    kept: #read_kept,
                    takes_kept: #takes_kept,
                    outcome: #outcome,
                    value: #written,
                };
                #private::serve_branch(#router, #route, #this)
            }
        }
        Call::AskBarrier { database } => {
            let ask = proof(database, &quote!(#private::AskBarrier), "ask_barrier");
            quote_spanned! {site=>
                let #query_prepared = #private::QueryPreparedFn { ask: #ask, decision: ::core::convert::identity };
                #private::serve_query_prepared(#router, #route, #query_prepared)
            }
        }
        Call::Decide { database, gid, result } => {
            let (db, gid) = (ours("db", site), ours("gid", hidden(gid)));
            let decision = proof(result, &result_trait, into);
            let is_database = proof(database, &quote!(#bw::Database), "pool");
            let run = quote_spanned! {site=>
                |#db: &#database, #gid: #bw::Gid| ::std::boxed::Box::pin(#name(#db, #gid))
            };
            quote_spanned! {site=>
                let _ = #is_database;
                let #query_prepared = #private::QueryPreparedFn { ask: #run, decision: #decision };
                #private::serve_query_prepared(#router, #route, #query_prepared)
            }
        }
    }
}
