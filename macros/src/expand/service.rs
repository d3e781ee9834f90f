//! What a service has beside its branches: `router`, `at`, `Remote`, `ROUTES`, and for a contract `Contract`.

use std::collections::HashSet;

use proc_macro2::{Span, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::ext::IdentExt;
use syn::{Ident, Path};

use super::{place, placed};
use crate::branch::{Base, Branch, Carried, Member, Role, RoutePath, Service};
use crate::check;

pub(crate) fn service(service: &Service) -> TokenStream {
    // A branch of such a name is a mistake that was told; the rest still stands.
    let free = |name: &str, make: fn(&Service) -> TokenStream| (!check::is_taken(service, name)).then(|| make(service));
    let parts = if service.is_remote {
        [free("ROUTES", routes), free("Remote", remote), free("Contract", contract)]
    } else {
        [free("ROUTES", routes), free("Remote", remote), free("router", router)]
    };
    parts.into_iter().flatten().chain(host_type(service)).chain(openapi(service)).collect()
}

fn routes(service: &Service) -> TokenStream {
    let bw = &service.krate;
    let routes = service.members.iter().map(|member| {
        let (name, cfgs) = (member.name(), &member.carried().cfgs);
        quote!(#(#cfgs)* <#name as #bw::Branch>::ROUTE)
    });
    // The macro compared what it could see.
    let unseen = service.members.iter().any(|member| match member {
        Member::Branch(Branch { carried, path, .. }) => {
            !carried.cfgs.is_empty() || !matches!(path, RoutePath::Known(_))
        }
        Member::Elsewhere { .. } => true,
    });
    let check = unseen.then(|| quote!(#bw::__private::check_paths!(ROUTES);));
    quote! {
        /// The routes of this service. A path is a promise: stored transactions hold it.
        #[allow(deprecated, dead_code, unreachable_pub)]
        pub const ROUTES: &[#bw::Route] = &[#(#routes),*];
        #check
    }
}

/// A where-clause takes no `#[cfg]`: a branch under one is named through an alias, which is `Absent` without it.
fn alias(name: &Ident) -> Ident {
    format_ident!("__branchwire_{}", name.unraw(), span = Span::mixed_site())
}

fn router(service: &Service) -> TokenStream {
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
                bounds.extend(super::asked_of_state(branch, bw, &state));
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

fn remote(service: &Service) -> TokenStream {
    let bw = &service.krate;
    let methods = service.members.iter().map(|member| match member {
        Member::Branch(branch) => method(branch),
        Member::Elsewhere { carried, vis, name } => method_elsewhere(bw, carried, vis, name),
    });
    let site = place(&service.name);
    let bw = placed(bw, site);
    let at = (!check::is_taken(service, "at")).then(|| {
        quote_spanned! {site=>
            /// This service at an address: its URL without the branches' paths.
            ///
            /// # Errors
            /// `InvalidUrl` if it is not an http or https address.
            #[allow(dead_code, unreachable_pub)]
            pub fn at(
                url: impl ::core::convert::AsRef<::core::primitive::str>,
            ) -> ::core::result::Result<Remote, #bw::InvalidUrl> {
                ::core::result::Result::Ok(Remote { service: #bw::ServiceUrl::new(url.as_ref())? })
            }
        }
    });
    quote_spanned! {site=>
        /// This service at an address: a method for each of its branches.
        #[derive(::core::clone::Clone, ::core::fmt::Debug)]
        #[allow(dead_code, unreachable_pub)]
        pub struct Remote {
            service: #bw::ServiceUrl,
        }

        #at

        #[allow(deprecated, dead_code, unreachable_pub, private_interfaces, clippy::pedantic)]
        impl Remote {
            #(#methods)*
        }
    }
}

fn method(branch: &Branch) -> TokenStream {
    let Branch { krate: bw, carried: Carried { cfgs, docs, deprecated }, vis, name, role, known, .. } = branch;
    let about = format!(" {}", super::branch::described(branch));
    let break_after_docs = (!docs.is_empty()).then(|| quote!(#[doc = ""]));
    // Errors of a caller show where the method is from: the function.
    let site = place(name);
    let bw = placed(bw, site);
    let path = quote_spanned!(site=> <#name as #bw::Branch>::ROUTE.path);
    let method = match (role, &known.payload, &known.database) {
        (Role::MsgBranch, Some(payload), _) => {
            // Asked for where it is sent, not here: a payload that is only received need not be `Serialize`.
            let sent = placed(quote!(#bw::SendPayload), place(payload));
            let sent = quote_spanned!(place(payload)=> for<'payload> &'payload #payload: #sent);
            quote_spanned! {site=>
                fn #name(&self, payload: &#payload) -> #bw::MsgBranch
                where
                    #sent,
                {
                    #bw::MsgBranch::with_payload(&self.service, #path, &payload)
                }
            }
        }
        (Role::MsgBranch, None, _) => quote_spanned! {site=>
            fn #name(&self) -> #bw::MsgBranch {
                #bw::MsgBranch::without_payload(&self.service, #path)
            }
        },
        (Role::QueryPrepared, _, database) => {
            let database = database.as_ref().map_or_else(|| quote!(()), |database| quote!(#database));
            quote_spanned! {site=>
                fn #name(&self) -> #bw::QueryPrepared<#database> {
                    <#name as #bw::Branch>::address(&self.service)
                }
            }
        }
    };
    quote! {
        #(#cfgs)*
        #(#docs)*
        #break_after_docs
        #[doc = #about]
        #(#deprecated)*
        #vis #method
    }
}

fn method_elsewhere(bw: &Path, carried: &Carried, vis: &syn::Visibility, name: &Ident) -> TokenStream {
    let cfgs = &carried.cfgs;
    let about = format!(
        "The branch [`{name}`](struct@{name}), with its payload (`&()` if it takes none).",
        name = name.unraw()
    );
    let site = place(name);
    let bw = placed(bw, site);
    let address = quote_spanned!(site=> <#name as #bw::Branch>::Address);
    let payload = quote_spanned!(site=> <#address as #bw::Address>::Payload);
    let method = quote_spanned! {site=>
        fn #name(&self, payload: &#payload) -> <#address as #bw::Address>::Addressed
        where
            for<'payload> &'payload #payload: #bw::SendPayload,
        {
            #bw::Address::carrying(<#name as #bw::Branch>::address(&self.service), &payload)
        }
    };
    let vis = placed(vis, site);
    quote!(#(#cfgs)* #[doc = #about] #vis #method)
}

fn openapi(service: &Service) -> Option<TokenStream> {
    let option = service.openapi.as_ref().filter(|_| !check::is_taken(service, "openapi"))?;
    let (bw, site) = (&service.krate, place(&service.name));
    // Without the feature this import fails, and nothing that is named by way of it is an error of its own.
    let module = &Ident::new("__branchwire_openapi", Span::mixed_site().located_at(option.span()));
    let placed_bw = placed(bw, option.span());
    let import = quote_spanned!(option.span()=> use #placed_bw::openapi as #module;);
    let name = service.name.unraw().to_string();
    let routes = service.members.iter().map(|member| {
        let (branch, cfgs) = (member.name(), &member.carried().cfgs);
        let described = |payload: TokenStream, site| {
            let of = placed(quote!(#module::DescribedPayload), site);
            quote_spanned!(site=> ::core::option::Option::Some(<#payload as #of>::describe as fn() -> _))
        };
        let payload = match member {
            Member::Branch(Branch { known, .. }) => {
                let payload = known.payload.as_ref().map(|payload| described(quote!(#payload), place(payload)));
                payload.unwrap_or_else(|| quote!(::core::option::Option::None))
            }
            Member::Elsewhere { name, .. } => {
                let site = place(name);
                described(placed(quote!(<<#name as #bw::Branch>::Address as #bw::Address>::Payload), site), site)
            }
        };
        quote!(#(#cfgs)* (<#branch as #bw::Branch>::ROUTE, #payload))
    });
    Some(quote_spanned! {site=>
        #import

        /// This service as OpenAPI describes it.
        #[allow(deprecated, dead_code, unreachable_pub, clippy::pedantic)]
        pub fn openapi() -> #module::OpenApi {
            #module::describe(#name, ::core::env!("CARGO_PKG_VERSION"), ::std::vec![#(#routes),*])
        }
    })
}

/// What a host has to do, as a trait: rustc itself then names what is missing, extra or other.
fn contract(service: &Service) -> TokenStream {
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
        #[allow(deprecated, dead_code, unreachable_pub, private_interfaces)]
        pub trait Contract {
            #[doc(hidden)]
            const __ROUTES: &'static [#bw::Route] = ROUTES;
            #[doc(hidden)]
            const __BASE: &'static ::core::primitive::str = #base;

            #(#promised)*
        }
    }
}

/// A branch as a function of the contract: its payload, and what it is sent as.
fn promise(member: &Member) -> Option<(&Ident, &[syn::Attribute], TokenStream)> {
    let Member::Branch(Branch { krate: bw, carried, name, role, known, .. }) = member else { return None };
    if !role.is_in_contracts() {
        return None;
    }
    let site = place(name);
    let bw = placed(bw, site);
    let payload = known.payload.as_ref().map_or_else(|| quote_spanned!(site=> ()), |payload| quote!(#payload));
    let what = match role {
        Role::MsgBranch | Role::QueryPrepared => quote_spanned!(site=> #bw::MsgBranch),
    };
    Some((name, &carried.cfgs, quote_spanned!(site=> fn #name(payload: #payload) -> #what;)))
}

/// The type that stands for the host, within its module.
fn host_type(service: &Service) -> Option<TokenStream> {
    let Base::Contract(_) = &service.base else { return None };
    let host = super::host();
    Some(quote! {
        #[doc(hidden)]
        #[allow(dead_code, unreachable_pub)]
        pub enum #host {}
    })
}

/// That the host keeps its contract: beside its module, where the contract is found under the name that was written.
pub(crate) fn kept_contract(service: &Service, cfgs: &[syn::Attribute]) -> Option<TokenStream> {
    let Base::Contract(contract) = &service.base else { return None };
    let (bw, module, host) = (&service.krate, &service.name, super::host());
    let site = place(contract);
    let contract = placed(quote!(#contract::Contract), site);
    let kept = service.members.iter().filter_map(|member| kept(module, member));
    let host = placed(quote!(#module::#host), site);
    let implemented = quote_spanned!(site=> impl #contract for #host { #(#kept)* });
    Some(quote! {
        #(#cfgs)*
        #[allow(deprecated, unused_variables)]
        #implemented

        #(#cfgs)*
        impl #bw::__private::HostsContract for #host {
            const ROUTES: &'static [#bw::Route] = <Self as #contract>::__ROUTES;
            const BASE: &'static ::core::primitive::str = <Self as #contract>::__BASE;
        }
    })
}

/// What a branch of the host does, in the form of the contract, each part at its place in the function.
fn kept(module: &Ident, member: &Member) -> Option<TokenStream> {
    let Member::Branch(Branch { krate: bw, carried: Carried { cfgs, .. }, name, role, known, .. }) = member else {
        return None;
    };
    if !role.is_in_contracts() {
        return None;
    }
    let site = place(name);
    let address = quote!(<<#module::#name as #bw::Branch>::Address as #bw::Address>);
    let payload = placed(quote!(#address::Payload), known.payload.as_ref().map_or(site, place));
    let sent = placed(quote!(#address::Addressed), site);
    Some(quote_spanned! {site=>
        #(#cfgs)*
        fn #name(payload: #payload) -> #sent {
            ::core::unreachable!()
        }
    })
}
