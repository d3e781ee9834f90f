//! `router()`: the routes of a service.

use std::collections::HashSet;

use proc_macro2::{Span, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::Ident;
use syn::ext::IdentExt;

use super::{branch, place, placed};
use crate::model::{Member, Service};

/// A where-clause takes no `#[cfg]`. A branch under one is named by an alias, which stands for `Absent` if it is left out.
fn alias(name: &Ident) -> Ident {
    format_ident!("__branchwire_{}", name.unraw(), span = Span::mixed_site())
}

/// `router()`: the routes of the service, for any state that has what its branches need.
pub(super) fn router(service: &Service) -> TokenStream {
    let site = place(&service.name);
    let bw = &placed(&service.krate, site);
    let private = quote_spanned!(site=> #bw::__private);
    let state = Ident::new("S", site);
    let mut aliases = TokenStream::new();
    let mut bounds = vec![quote_spanned! {site=>
        #state: ::core::clone::Clone + ::core::marker::Send + ::core::marker::Sync + 'static
    }];
    let asked_by = |name: &Ident, site: Span| {
        let (bw, state) = (placed(bw, site), Ident::new("S", site));
        let hosted = quote_spanned!(site=> <#name as #bw::Hosted>);
        quote_spanned!(site=> #state: #bw::Holds<#hosted::Database> + #bw::ExtractsAll<#hosted::Extractors>)
    };
    let router = Ident::new("router", site);
    let mut registered = TokenStream::new();
    let mut register = |name: &Ident, site: Span| {
        let bw = placed(bw, site);
        registered.extend(quote_spanned!(site=> let #router = <#name as #bw::Hosted>::register(#router);));
    };
    for member in &service.members {
        let (name, cfgs) = (member.name(), &member.carried().cfgs);
        match member {
            Member::Branch(branch) if cfgs.is_empty() => {
                bounds.extend(branch::asked_of_state(branch, bw, &state));
                register(name, site);
            }
            Member::Elsewhere { .. } if cfgs.is_empty() => {
                bounds.push(asked_by(name, place(name)));
                register(name, place(name));
            }
            _ => {
                let alias = alias(name);
                aliases.extend(conditional(&alias, name, cfgs, &private));
                bounds.push(asked_by(&alias, site));
                register(&alias, site);
            }
        }
    }
    let mut seen = HashSet::new();
    bounds.retain(|bound| seen.insert(bound.to_string()));
    quote_spanned! {site=>
        #aliases

        /// The routes of this service, for any state that holds what its branches need.
        ///
        /// To be merged, not nested: the paths are absolute.
        #[allow(deprecated, dead_code, unreachable_pub, private_bounds)]
        pub fn router<#state>() -> #private::Router<#state>
        where
            #(#bounds,)*
        {
            let #router = #private::Router::new();
            #registered
            #router
        }
    }
}

fn conditional(alias: &Ident, name: &Ident, cfgs: &[syn::Attribute], private: &TokenStream) -> TokenStream {
    let conditions: Vec<_> =
        cfgs.iter().filter_map(|cfg| cfg.meta.require_list().ok()).map(|list| &list.tokens).collect();
    quote! {
        #[cfg(all(#(#conditions),*))]
        #[allow(non_camel_case_types, deprecated)]
        type #alias = #name;
        #[cfg(not(all(#(#conditions),*)))]
        #[allow(non_camel_case_types)]
        type #alias = #private::Absent;
    }
}
