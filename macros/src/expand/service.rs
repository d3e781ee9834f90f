//! The module of a service: its items, and what is generated beside them.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote};
use syn::{Attribute, Ident, Path};

use super::contract::{contract, host_type, kept_contract};
use super::openapi::openapi;
use super::remote::remote;
use super::router::router;
use super::{allow_deprecated, errors, function};
use crate::errors::Errors;
use crate::model::{Branch, COLLECTED, Member, RoutePath, Service};
use crate::parse::{self, Function, Module};

/// An item of the module, in the order in which they were written.
pub(crate) enum Written {
    /// The function of a branch: its index among the members, its function, and the path of the role's attribute.
    Branch { member: usize, role: Path, function: Function },
    /// A function without a role.
    Function(Function),
    /// Any other item.
    Other { tokens: TokenStream, is_module: bool },
}

/// The module with the generated items.
pub(crate) fn service(errors: &Errors, service: &Service, module: &Module, items: Vec<Written>) -> TokenStream {
    let errors = self::errors(errors);
    let used = used_attributes(&items);
    let items: TokenStream = items.into_iter().map(|item| written(service, item)).collect();
    let generated = generated(service);
    let beside = kept_contract(service, &parse::carried(&module.attrs).cfgs);
    let Module { attrs, vis, mod_token, name, inner, .. } = module;
    quote! {
        #errors
        #(#attrs)*
        #vis #mod_token #name {
            #(#inner)*
            #items
            #used
            #generated
        }
        #beside
    }
}

fn written(service: &Service, item: Written) -> TokenStream {
    match item {
        Written::Branch { member, mut function, .. } => match &service.members[member] {
            Member::Branch(branch) => {
                mark(service, &mut function.attrs);
                function::write(branch, &function)
            }
            Member::Elsewhere { .. } => function.into_token_stream(),
        },
        Written::Function(mut function) => {
            mark(service, &mut function.attrs);
            function.into_token_stream()
        }
        Written::Other { tokens, .. } => tokens,
    }
}

/// Puts a marker beside unknown attributes. A role under another name finds the marker, and reports its name.
fn mark(service: &Service, attrs: &mut Vec<Attribute>) {
    let bw = &service.krate;
    if attrs.iter().any(|attr| !parse::is_builtin(attr)) {
        attrs.push(syn::parse_quote!(#[#bw::__private::in_service]));
    }
}

/// Uses each role attribute once, on a constant that it removes.
///
/// The attributes were removed from the functions. Without these uses rustc reports the import of a role attribute as
/// unused, and does not report a missing one.
fn used_attributes(items: &[Written]) -> TokenStream {
    let collected = Ident::new(COLLECTED, Span::mixed_site());
    let mut used: Vec<&Path> = Vec::new();
    for item in items {
        if let Written::Branch { role, .. } = item
            && !used.contains(&role)
        {
            used.push(role);
        }
    }
    quote!(#(#[#used(#collected)] const _: () = ();)*)
}

/// The items that are generated beside the branches.
fn generated(service: &Service) -> TokenStream {
    // A branch with the name of such an item was reported; the other items are still generated.
    let free = |name: &str, make: fn(&Service) -> TokenStream| (!service.has(name)).then(|| make(service));
    let items = if service.is_remote {
        [free("ROUTES", routes), free("Remote", remote), free("Contract", contract)]
    } else {
        [free("ROUTES", routes), free("Remote", remote), free("router", router)]
    };
    items.into_iter().flatten().chain(host_type(service)).chain(openapi(service)).collect()
}

/// `ROUTES`: the routes of the service.
fn routes(service: &Service) -> TokenStream {
    let bw = &service.krate;
    let routes = service.members.iter().map(|member| {
        let (name, cfgs) = (member.name(), &member.carried().cfgs);
        quote!(#(#cfgs)* <#name as #bw::Branch>::ROUTE)
    });
    // The macro has compared the paths that it could see.
    let unseen = service.members.iter().any(|member| match member {
        Member::Branch(Branch { carried, path, .. }) => {
            !carried.cfgs.is_empty() || !matches!(path, RoutePath::Known(_))
        }
        Member::Elsewhere { .. } => true,
    });
    let allow = allow_deprecated(service.is_deprecated());
    let check = unseen.then(|| quote!(#bw::__private::check_paths!(ROUTES);));
    quote! {
        /// The routes of this service. A path is a promise: stored transactions hold it.
        #allow
        pub const ROUTES: &[#bw::Route] = &[#(#routes),*];
        #check
    }
}
