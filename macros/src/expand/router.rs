//! `router()`: the routes of a service.

use std::collections::HashSet;

use proc_macro2::{Span, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::Ident;
use syn::ext::IdentExt;

use super::{allow_deprecated, branch, hidden, ours, place, placed, state};
use crate::model::{Carried, Member, Service};

/// A where-clause cannot have a `#[cfg]`. So a branch under one is named by an alias, which is `Absent` if the branch
/// is left out.
fn alias(name: &Ident) -> Ident {
    format_ident!("__branchwire_{}", name.unraw(), span = Span::mixed_site())
}

/// `router()`: the routes of the service, for any state that has what its branches need.
pub(super) fn router(service: &Service) -> TokenStream {
    let site = place(&service.name);
    let bw = &placed(&service.krate, site);
    let private = quote_spanned!(site=> #bw::__private);
    let any_state = state(site);
    let mut aliases = TokenStream::new();
    let mut bounds = vec![quote_spanned! {site=>
        #any_state: ::core::clone::Clone + ::core::marker::Send + ::core::marker::Sync + 'static
    }];
    let asked_by = |name: &Ident, site: Span| {
        let (bw, state) = (placed(bw, site), state(site));
        let hosted = quote_spanned!(site=> <#name as #bw::Hosted>);
        quote_spanned!(site=> #state: #bw::Holds<#hosted::Database> + #bw::ExtractsAll<#hosted::Extractors>)
    };
    let (variable, shown) = (ours("router", site), hidden(&service.name));
    let mut registered = TokenStream::new();
    let mut register = |name: &Ident, site: Span| {
        let bw = placed(bw, site);
        registered.extend(quote_spanned!(site=> let #variable = <#name as #bw::Hosted>::register(#variable);));
    };
    for member in &service.members {
        let (name, cfgs) = (member.name(), &member.carried().cfgs);
        match member {
            Member::Branch(branch) if cfgs.is_empty() => {
                bounds.extend(branch::asked_of_state(branch, bw, &any_state));
                register(name, site);
            }
            Member::Elsewhere { .. } if cfgs.is_empty() => {
                bounds.push(asked_by(name, place(name)));
                register(name, place(name));
            }
            _ => {
                let alias = alias(name);
                aliases.extend(conditional(&alias, name, member.carried(), &private));
                bounds.push(asked_by(&alias, site));
                register(&alias, site);
            }
        }
    }
    let mut seen = HashSet::new();
    bounds.retain(|bound| seen.insert(bound.to_string()));
    let allow = allow_deprecated(service.is_deprecated());
    let head = quote_spanned!(shown=> pub fn router);
    let rest = quote_spanned! {site=>
        <#any_state>() -> #private::Router<#any_state>
        where
            #(#bounds,)*
        {
            let #variable = #private::Router::new();
            #registered
            #variable
        }
    };
    quote! {
        #aliases

        /// The routes of this service, for any state that has what its branches need.
        ///
        /// To be merged, not nested: the paths are absolute.
        #allow
        #head #rest
    }
}

/// The alias of a branch under `#[cfg]`.
fn conditional(alias: &Ident, name: &Ident, carried: &Carried, private: &TokenStream) -> TokenStream {
    let allow = allow_deprecated(carried.is_deprecated);
    let conditions: Vec<_> =
        carried.cfgs.iter().filter_map(|cfg| cfg.meta.require_list().ok()).map(|list| &list.tokens).collect();
    quote! {
        #[cfg(all(#(#conditions),*))]
        #allow
        type #alias = #name;
        #[cfg(not(all(#(#conditions),*)))]
        type #alias = #private::Absent;
    }
}
