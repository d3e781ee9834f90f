//! A contract: the trait `Contract` of a remote service, and its implementation by a host.

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::Ident;
use syn::ext::IdentExt;

use super::{allow_deprecated, hidden, place, placed};
use crate::model::{Base, Branch, Carried, Member, Service};

/// The type that hosts a contract, if the service has one.
pub(super) fn host() -> Ident {
    Ident::new("__BranchwireHost", Span::mixed_site())
}

/// The contract as a trait: rustc then reports a branch that is missing, extra or has another payload.
pub(super) fn contract(service: &Service) -> TokenStream {
    let promised = service.members.iter().filter_map(promise).map(|(name, cfgs, promise)| {
        let about = format!(" Hosts `{}`.", name.unraw());
        quote!(#(#cfgs)* #[doc = #about] #promise)
    });
    let base = match &service.base {
        Base::Known(base) => base.clone(),
        Base::Contract(_) => String::new(),
    };
    let bw = &service.krate;
    quote! {
        /// What a service hosts that says `#[service(implements = ..)]`: each of these branches, and no other.
        pub trait Contract {
            #[doc(hidden)]
            const __ROUTES: &'static [#bw::Route] = ROUTES;
            #[doc(hidden)]
            const __BASE: &'static ::core::primitive::str = #base;

            #(#promised)*
        }
    }
}

/// A branch as a function of the contract, from the payload to the type of a call.
fn promise(member: &Member) -> Option<(&Ident, &[syn::Attribute], TokenStream)> {
    let Member::Branch(Branch { krate: bw, carried, name, role, known, .. }) = member else { return None };
    if !role.is_in_contracts {
        return None;
    }
    let site = place(name);
    let bw = placed(bw, site);
    let payload = known.payload.as_ref().map_or_else(|| quote_spanned!(site=> ()), |payload| quote!(#payload));
    let sent_as = Ident::new(role.sent_as, site);
    let (head, argument) = head(name);
    Some((name, &carried.cfgs, quote_spanned!(site=> #head(#argument: #payload) -> #bw::#sent_as;)))
}

/// `fn name` and its argument, with spans for which no lint reports an unused function.
fn head(name: &Ident) -> (TokenStream, TokenStream) {
    let shown = hidden(name);
    let name = placed(name, shown);
    (quote_spanned!(shown=> fn #name), quote_spanned!(shown=> _))
}

/// The type in the host's module that implements the contract.
pub(super) fn host_type(service: &Service) -> Option<TokenStream> {
    let Base::Contract(_) = &service.base else { return None };
    let host = host();
    Some(quote! {
        #[doc(hidden)]
        pub enum #host {}
    })
}

/// The host's implementation of its contract. It is beside the module, so that the contract's path resolves as written.
pub(super) fn kept_contract(service: &Service, cfgs: &[syn::Attribute]) -> Option<TokenStream> {
    let Base::Contract(contract) = &service.base else { return None };
    let (bw, module, host) = (&service.krate, &service.name, host());
    let site = place(contract);
    let contract = placed(quote!(#contract::Contract), site);
    let kept = service.members.iter().filter_map(|member| kept(module, member));
    let host = placed(quote!(#module::#host), site);
    let implemented = quote_spanned!(site=> impl #contract for #host { #(#kept)* });
    let allow = allow_deprecated(service.is_deprecated());
    Some(quote! {
        #(#cfgs)*
        #allow
        #implemented

        #(#cfgs)*
        impl #bw::__private::HostsContract for #host {
            const ROUTES: &'static [#bw::Route] = <Self as #contract>::__ROUTES;
            const BASE: &'static ::core::primitive::str = <Self as #contract>::__BASE;
        }
    })
}

/// A branch of the host as a function of the contract, each type with the span that it has in the branch.
fn kept(module: &Ident, member: &Member) -> Option<TokenStream> {
    let Member::Branch(Branch { krate: bw, carried: Carried { cfgs, .. }, name, role, known, .. }) = member else {
        return None;
    };
    if !role.is_in_contracts {
        return None;
    }
    let site = place(name);
    let address = quote!(<<#module::#name as #bw::Branch>::Address as #bw::Address>);
    let payload = placed(quote!(#address::Payload), known.payload.as_ref().map_or(site, place));
    let sent = placed(quote!(#address::Addressed), site);
    let (_, argument) = head(name);
    Some(quote_spanned! {site=>
        #(#cfgs)*
        fn #name(#argument: #payload) -> #sent {
            ::core::unreachable!()
        }
    })
}
