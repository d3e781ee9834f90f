//! `openapi()`: a service as an OpenAPI document.

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::Ident;
use syn::ext::IdentExt;

use super::{allow_deprecated, hidden, place, placed};
use crate::model::{Branch, Member, Service};

/// `openapi()`: the service as an OpenAPI document.
pub(super) fn openapi(service: &Service) -> Option<TokenStream> {
    let option = service.openapi.as_ref().filter(|_| !service.has("openapi"))?;
    let (bw, site) = (&service.krate, place(&service.name));
    // Without the feature this import fails, and names that are used through it cause no further errors.
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
    let allow = allow_deprecated(service.is_deprecated());
    let head = quote_spanned!(hidden(&service.name)=> pub fn openapi);
    let rest = quote_spanned! {site=>
        () -> #module::OpenApi {
            #module::describe(#name, ::core::env!("CARGO_PKG_VERSION"), ::std::vec![#(#routes),*])
        }
    };
    Some(quote! {
        #import

        /// This service as OpenAPI describes it.
        #allow
        #head #rest
    })
}
