//! What a service has beside its branches: `router`, `at`, `Remote`, `ROUTES`, and for a contract `Contract`.

use proc_macro2::{Span, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::ext::IdentExt;
use syn::{Ident, Path};

use crate::branch::{Base, Branch, Carried, Member, Role, RoutePath, Service};
use crate::errors::ends;

pub(crate) fn service(service: &Service) -> TokenStream {
    let hosted = if service.is_remote {
        contract(service)
    } else {
        let kept_contract = kept_contract(service);
        [router(service), quote!(#kept_contract)].into_iter().collect()
    };
    [routes(service), remote(service), hosted].into_iter().collect()
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
    let check = unseen.then(|| {
        quote! {
            #[allow(deprecated)]
            const _: () = #bw::__private::check_paths(&[ROUTES]);
        }
    });
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
    let bw = &service.krate;
    let private = quote!(#bw::__private);
    let mut aliases = TokenStream::new();
    let mut hosted = Vec::new();
    for member in &service.members {
        let (name, cfgs) = (member.name(), &member.carried().cfgs);
        if cfgs.is_empty() {
            hosted.push(name.clone());
            continue;
        }
        let alias = alias(name);
        let conditions: Vec<_> =
            cfgs.iter().filter_map(|cfg| cfg.meta.require_list().ok()).map(|list| &list.tokens).collect();
        aliases.extend(quote! {
            #[cfg(all(#(#conditions),*))]
            #[allow(non_camel_case_types, deprecated)]
            type #alias = #name;
            #[cfg(not(all(#(#conditions),*)))]
            #[allow(non_camel_case_types)]
            type #alias = #private::Absent;
        });
        hosted.push(alias);
    }
    quote! {
        #aliases

        /// The routes of this service, for any state that holds what its branches need.
        ///
        /// To be merged, not nested: the paths are absolute.
        #[must_use]
        #[allow(deprecated, dead_code, unreachable_pub, private_bounds)]
        pub fn router<S>() -> #private::Router<S>
        where
            S: ::core::clone::Clone + ::core::marker::Send + ::core::marker::Sync + 'static,
            #(#hosted: #bw::Hosted<S>,)*
        {
            let router = #private::Router::new();
            #(let router = <#hosted as #bw::Hosted<S>>::register(router);)*
            router
        }
    }
}

fn remote(service: &Service) -> TokenStream {
    let bw = &service.krate;
    let methods = service.members.iter().map(|member| match member {
        Member::Branch(branch) => method(branch),
        Member::Elsewhere { carried, vis, name } => method_elsewhere(bw, carried, vis, name),
    });
    quote! {
        /// This service at an address: a method for each of its branches.
        #[derive(::core::clone::Clone, ::core::fmt::Debug)]
        #[allow(dead_code, unreachable_pub)]
        pub struct Remote {
            service: #bw::ServiceUrl,
        }

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

        #[allow(deprecated, dead_code, unreachable_pub, private_interfaces, clippy::needless_pass_by_value)]
        impl Remote {
            #(#methods)*
        }
    }
}

fn method(branch: &Branch) -> TokenStream {
    let Branch { krate: bw, carried: Carried { cfgs, docs, deprecated }, vis, name, role, known, .. } = branch;
    let about = match role {
        Role::MsgBranch => format!("The branch `{}`, for a message.", name.unraw()),
        Role::QueryPrepared => format!("The query-prepared `{}`, for a message of its database.", name.unraw()),
    };
    let break_after_docs = (!docs.is_empty()).then(|| quote!(#[doc = ""]));
    let head = quote! {
        #(#cfgs)*
        #(#docs)*
        #break_after_docs
        #[doc = #about]
        #(#deprecated)*
        #vis fn #name
    };
    let path = quote!(<#name as #bw::Branch>::ROUTE.path);
    match (role, &known.payload, &known.database) {
        (Role::MsgBranch, Some(payload), _) => quote! {
            // Asked for where it is sent, not here: a payload that is only received need not be `Serialize`.
            #head(&self, payload: &#payload) -> #bw::MsgBranch
            where
                for<'payload> &'payload #payload: #bw::SendPayload,
            {
                #bw::MsgBranch::with_payload(&self.service, #path, &payload)
            }
        },
        (Role::MsgBranch, None, _) => quote! {
            #head(&self) -> #bw::MsgBranch {
                #bw::MsgBranch::without_payload(&self.service, #path)
            }
        },
        (Role::QueryPrepared, _, database) => {
            let database = database.as_ref().map_or_else(|| quote!(()), |database| quote!(#database));
            quote! {
                #head(&self) -> #bw::QueryPrepared<#database> {
                    <#name as #bw::Branch>::address(&self.service)
                }
            }
        }
    }
}

fn method_elsewhere(bw: &Path, carried: &Carried, vis: &syn::Visibility, name: &Ident) -> TokenStream {
    let cfgs = &carried.cfgs;
    let about = format!(
        "The branch [`{name}`](struct@{name}), with its payload (`&()` if it takes none).",
        name = name.unraw()
    );
    let address = quote!(<#name as #bw::Branch>::Address);
    let payload = quote!(<#address as #bw::Address>::Payload);
    quote! {
        #(#cfgs)*
        #[doc = #about]
        #vis fn #name(&self, payload: &#payload) -> <#address as #bw::Address>::Addressed
        where
            for<'payload> &'payload #payload: #bw::SendPayload,
        {
            #bw::Address::carrying(<#name as #bw::Branch>::address(&self.service), &payload)
        }
    }
}

/// What a host has to do, as a trait: rustc itself then names what is missing, extra or other.
fn contract(service: &Service) -> TokenStream {
    let promised = service.members.iter().filter_map(promise).map(|(name, cfgs, promise)| {
        let about = format!("Hosts `{}`.", name.unraw());
        quote! {
            #(#cfgs)*
            #[doc = #about]
            #promise;
        }
    });
    let base = match &service.base {
        Base::Known(base) => base.clone(),
        Base::Contract(_) => String::new(),
    };
    quote! {
        /// What a service hosts that says `#[service(implements = ..)]`: each of these branches, and no other.
        #[allow(dead_code, unreachable_pub, private_interfaces)]
        pub trait Contract {
            #(#promised)*
        }

        #[doc(hidden)]
        #[allow(dead_code, unreachable_pub)]
        pub const __BRANCHWIRE_BASE: &::core::primitive::str = #base;
    }
}

/// A branch as a function of the contract: its payload, and what it is sent as.
fn promise(member: &Member) -> Option<(&Ident, &[syn::Attribute], TokenStream)> {
    let Member::Branch(Branch { krate: bw, carried, name, role, known, .. }) = member else { return None };
    if !role.is_in_contracts() {
        return None;
    }
    let payload = known.payload.as_ref().map_or_else(|| quote!(()), |payload| quote!(#payload));
    let what = match role {
        Role::MsgBranch | Role::QueryPrepared => quote!(#bw::MsgBranch),
    };
    Some((name, &carried.cfgs, quote!(fn #name(payload: #payload) -> #what)))
}

fn kept_contract(service: &Service) -> Option<TokenStream> {
    let Base::Contract(contract) = &service.base else { return None };
    let place = Span::mixed_site().located_at(ends(&service.name).0);
    let kept = service.members.iter().filter_map(promise).map(|(_, cfgs, promise)| {
        quote! {
            #(#cfgs)*
            #promise {
                ::core::unreachable!()
            }
        }
    });
    let host = quote_spanned!(place=> impl super::#contract::Contract for Host);
    Some(quote! {
        const _: () = {
            struct Host;
            #[allow(unused_variables)]
            #host {
                #(#kept)*
            }
        };
    })
}
