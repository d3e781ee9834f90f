//! A contract: the trait `Contract` of a remote service, and its implementation by a host.

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::ext::IdentExt;
use syn::{Ident, Type};

use super::value::or_unit;
use super::{allow_deprecated, hidden, place, placed};
use crate::model::{Base, Branch, Call, Carried, Member, Service};
use crate::parse;

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

/// A branch as a function of the contract, from the payload to what a first function returns. Both are the user's types:
/// rustc then shows the host its own type where it differs, and proposes the right one.
fn promise(member: &Member) -> Option<(&Ident, &[syn::Attribute], TokenStream)> {
    let Member::Branch(branch) = member else { return None };
    let Branch { carried, name, role, known, .. } = branch;
    if !role.is_in_contracts {
        return None;
    }
    let site = place(name);
    let payload = or_unit(known.payload.as_ref(), site);
    let (head, argument) = head(name);
    let value = known.value.as_ref().map(|value| quote_spanned!(site=> -> #value));
    Some((name, &carried.cfgs, quote_spanned!(site=> #head(#argument: #payload) #value;)))
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
    let roles = service.members.iter().filter_map(|member| same_role(module, member));
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

        #(#cfgs)*
        const _: () = {
            #(#roles)*
        };
    })
}

/// A branch of the host as a function of the contract, each type with the span that it has in the branch.
fn kept(module: &Ident, member: &Member) -> Option<TokenStream> {
    let Member::Branch(branch) = member else { return None };
    let Branch { krate: bw, carried: Carried { cfgs, .. }, name, role, known, .. } = branch;
    if !role.is_in_contracts {
        return None;
    }
    let site = place(name);
    let address = quote!(<<#module::#name as #bw::Branch>::Address as #bw::Address>);
    let payload = placed(quote!(#address::Payload), known.payload.as_ref().map_or(site, place));
    let (_, argument) = head(name);
    let value = role.first().map(|first| {
        let first = Ident::new(first.known, Span::mixed_site());
        let value = quote!(<#module::#name as #bw::#first>::Value);
        let value = placed(value, returned(branch).map_or(site, place));
        quote_spanned!(site=> -> #value)
    });
    Some(quote_spanned! {site=>
        #(#cfgs)*
        fn #name(#argument: #payload) #value {
            ::core::unreachable!()
        }
    })
}

/// What the function returns if it succeeds, as it is written.
fn returned(branch: &Branch) -> Option<&Type> {
    match &branch.call {
        Some(Call::Branch { result, .. }) => parse::success_of(result),
        _ => branch.known.value.as_ref(),
    }
}

/// Refuses a branch of the host that has another role in the contract.
fn same_role(module: &Ident, member: &Member) -> Option<TokenStream> {
    let Member::Branch(Branch { krate: bw, carried: Carried { cfgs, .. }, name, role, .. }) = member else {
        return None;
    };
    if !role.is_in_contracts {
        return None;
    }
    let (site, host, variant) = (place(name), host(), Ident::new(role.variant, Span::mixed_site()));
    let contract = quote!(<#module::#host as #bw::__private::HostsContract>::ROUTES);
    let text = name.unraw().to_string();
    let is_same = placed(quote!(#bw::__private::has_role(#contract, #text, #bw::Role::#variant)), site);
    let message = format!("`{text}` is {} here, and has another role in its contract", role.noun);
    Some(quote_spanned!(site=> #(#cfgs)* const _: () = ::core::assert!(#is_same, #message);))
}
