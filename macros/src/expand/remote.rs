//! `at` and `Remote`: the branches of a service at an address, a method each.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::ext::IdentExt;
use syn::{Ident, Path, Visibility};

use super::{branch, place, placed};
use crate::model::{Branch, Carried, Member, Service, Shape};

/// `Remote`, a service at an address, and `at`, which makes one.
pub(super) fn remote(service: &Service) -> TokenStream {
    let bw = &service.krate;
    let methods = service.members.iter().map(|member| match member {
        Member::Branch(branch) => method(branch),
        Member::Elsewhere { carried, vis, name } => method_elsewhere(bw, carried, vis, name),
    });
    let site = place(&service.name);
    let bw = placed(bw, site);
    let at = (!service.has("at")).then(|| {
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
    let Branch { krate: bw, carried: Carried { cfgs, docs, deprecated, .. }, vis, name, role, known, .. } = branch;
    let about = format!(" {}", branch::described(branch));
    let break_after_docs = (!docs.is_empty()).then(|| quote!(#[doc = ""]));
    // In a caller's error rustc shows the function as the method.
    let site = place(name);
    let bw = placed(bw, site);
    let path = quote_spanned!(site=> <#name as #bw::Branch>::ROUTE.path);
    let sent_as = Ident::new(role.sent_as, site);
    let method = match (role.shape, &known.payload) {
        (Shape::Branch, Some(payload)) => {
            // A bound of the method, not of the branch: a payload that is only received need not be `Serialize`.
            let sent = placed(quote!(#bw::SendPayload), place(payload));
            let sent = quote_spanned!(place(payload)=> for<'payload> &'payload #payload: #sent);
            quote_spanned! {site=>
                fn #name(&self, payload: &#payload) -> #bw::#sent_as
                where
                    #sent,
                {
                    #bw::#sent_as::with_payload(&self.service, #path, &payload)
                        .read_back(<#name as #bw::Branch>::READ_BACK)
                }
            }
        }
        (Shape::Branch, None) => quote_spanned! {site=>
            fn #name(&self) -> #bw::#sent_as {
                #bw::#sent_as::without_payload(&self.service, #path)
            }
        },
        (Shape::QueryPrepared, _) => {
            let address = branch::address_type(branch, &bw);
            quote_spanned! {site=>
                fn #name(&self) -> #address {
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

fn method_elsewhere(bw: &Path, carried: &Carried, vis: &Visibility, name: &Ident) -> TokenStream {
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
