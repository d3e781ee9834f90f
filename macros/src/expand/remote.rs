//! `at` and `Remote`: a service at an address, with a method for each branch.

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::ext::IdentExt;
use syn::{Ident, Lifetime, Path, Type, Visibility};

use super::value::of_value;
use super::{allow_deprecated, branch, hidden, ours, place, placed};
use crate::model::{Branch, Carried, Member, Service, Shape};

/// `Remote`, a service at an address, and `at`, which makes one.
pub(super) fn remote(service: &Service) -> TokenStream {
    let bw = &service.krate;
    let methods = service.members.iter().map(|member| match member {
        // A coordinator calls it, with the payload of its action.
        Member::Branch(branch) if branch.role.second().is_some() => TokenStream::new(),
        Member::Branch(branch) => method(branch),
        Member::Elsewhere { carried, vis, name } => method_elsewhere(bw, carried, vis, name),
    });
    let at = (!service.has("at")).then(|| at(service));
    let allow = allow_deprecated(service.is_deprecated());
    let head = quote_spanned!(hidden(&service.name)=> pub struct Remote);
    let never_called = never_called(service);
    let site = place(&service.name);
    let bw = placed(bw, site);
    quote_spanned! {site=>
        /// This service at an address: a method for each of its branches.
        #[derive(::core::clone::Clone, ::core::fmt::Debug)]
        #head {
            service: #bw::ServiceUrl,
        }

        #at

        #allow
        impl Remote {
            #(#methods)*
            #never_called
        }
    }
}

fn at(service: &Service) -> TokenStream {
    let (site, shown) = (place(&service.name), hidden(&service.name));
    let bw = placed(&service.krate, site);
    let url = ours("url", shown);
    let head = quote_spanned!(shown=> pub fn at);
    let rest = quote_spanned! {site=>
        (
            #url: impl ::core::convert::AsRef<::core::primitive::str>,
        ) -> ::core::result::Result<Remote, #bw::InvalidUrl> {
            let #url = ::core::convert::AsRef::as_ref(&#url);
            ::core::result::Result::Ok(Remote { service: #bw::ServiceUrl::new(#url)? })
        }
    };
    quote! {
        /// This service at an address: its URL without the branches' paths.
        ///
        /// # Errors
        /// `InvalidUrl` if it is not an http or https address.
        #head #rest
    }
}

/// The head of a method of `Remote`. Its name has the user's span: in a caller's error rustc shows the function as the
/// method.
fn head(vis: &Visibility, name: &Ident) -> TokenStream {
    let shown = hidden(name);
    let vis = placed(vis, shown);
    quote_spanned!(shown=> #vis fn #name)
}

/// A method that nothing calls.
///
/// rustc reports all unused methods of an impl at once, and suppresses that if one of them is generated. So this method
/// keeps `dead_code` from reporting the others, in a program that calls only some branches of a service.
fn never_called(service: &Service) -> TokenStream {
    let name = Ident::new("branchwire__never_called", hidden(&service.name));
    quote_spanned!(hidden(&service.name)=> fn #name() {})
}

fn method(branch: &Branch) -> TokenStream {
    let Branch { krate: bw, carried: Carried { cfgs, docs, deprecated, .. }, vis, name, role, known, .. } = branch;
    let about = format!(" {}", branch::described(branch));
    let break_after_docs = (!docs.is_empty()).then(|| quote!(#[doc = ""]));
    let site = place(name);
    let bw = placed(bw, site);
    let path = quote_spanned!(site=> <#name as #bw::Branch>::ROUTE.path);
    let (sent_as, value) = (Ident::new(role.sent_as, site), ours("payload", hidden(name)));
    let (head, any, by_reference) = (head(vis, name), lifetime(site), by_reference(name));
    let allow_cow = known.payload.as_ref().and_then(allow_cow);
    let (undo, returned) = (branch::undo_path(branch), of_value(branch));
    let method = match (role.shape, &known.payload) {
        (Shape::Branch, Some(payload)) => {
            // A bound of the method, not of the branch: a payload that is only received need not be `Serialize`.
            let sent = placed(quote!(#bw::SendPayload), place(payload));
            let sent = quote_spanned!(place(payload)=> for<#any> &#any #payload: #sent);
            quote_spanned! {site=>
                #head(&self, #value: #by_reference #payload) -> #bw::#sent_as #returned
                where
                    #sent,
                {
                    #bw::#sent_as::with_payload(&self.service, #path #undo, &#value)
                        .read_back(<#name as #bw::Branch>::READ_BACK)
                }
            }
        }
        (Shape::Branch, None) => quote_spanned! {site=>
            #head(&self) -> #bw::#sent_as #returned {
                #bw::#sent_as::without_payload(&self.service, #path #undo)
            }
        },
        (Shape::QueryPrepared, _) => {
            let address = branch::address_type(branch, &bw);
            quote_spanned! {site=>
                #head(&self) -> #address {
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
        #allow_cow
        #method
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
    let (head, any, by_reference) = (head(vis, name), lifetime(site), by_reference(name));
    let value = ours("payload", hidden(name));
    let method = quote_spanned! {site=>
        #head(&self, #value: #by_reference #payload) -> <#address as #bw::Address>::Addressed
        where
            for<#any> &#any #payload: #bw::SendPayload,
        {
            #bw::Address::carrying(<#name as #bw::Branch>::address(&self.service), &#value)
        }
    };
    quote!(#(#cfgs)* #[doc = #about] #method)
}

/// Clippy reports a reference to a `Cow` even in generated code; this allows it.
fn allow_cow(payload: &Type) -> Option<TokenStream> {
    let is_cow =
        matches!(payload, Type::Path(ty) if ty.path.segments.last().is_some_and(|segment| segment.ident == "Cow"));
    is_cow.then(|| quote!(#[allow(clippy::ptr_arg)]))
}

/// The `&` of a payload. It counts as generated, so that clippy does not propose `&str` for a payload `String`.
fn by_reference(name: &Ident) -> TokenStream {
    quote_spanned!(hidden(name)=> &)
}

/// The lifetime of a payload that is sent: a name that no user writes, and that rustc shows.
fn lifetime(site: Span) -> Lifetime {
    Lifetime::new("'sent_payload", site)
}
