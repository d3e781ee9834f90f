//! `#[service("/base")]` on a module: its annotated functions become one service.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote};
use syn::{Attribute, Ident, Path};

use crate::branch::{Base, Member, Service};
use crate::errors::Errors;
use crate::parse::{self, Accepted, Item, Module, Options};
use crate::role::{self, Place};
use crate::{check, expand, krate};

const ACCEPTED: Accepted = Accepted {
    attribute: "#[service]",
    text: Some("base path"),
    example: "#[service(\"/api/bank\")]",
    flags: &["remote", "openapi"],
    paths: &["implements", "crate"],
};

/// What the attribute writes in place of the module.
pub(crate) fn expand(options: TokenStream, item: &TokenStream) -> TokenStream {
    let mut errors = Errors::default();
    let options = Options::read(options, &ACCEPTED, &mut errors);
    let mut module: Module = match syn::parse2(item.clone()) {
        Ok(module) => module,
        Err(error) => return not_a_module(&error, item),
    };
    let krate = options.path("crate").cloned().unwrap_or_else(krate::path);
    let contract = options.path("implements");
    let base = match contract {
        Some(contract) => {
            check::host(&options, contract, &mut errors);
            Base::Contract(contract.clone())
        }
        None => Base::Known(check::base(&options, &module.name, &mut errors)),
    };
    let is_remote = options.flag("remote").is_some() && contract.is_none();
    let mut service = Service {
        krate: krate.clone(),
        name: module.name.clone(),
        base,
        is_remote,
        openapi: options.flag("openapi").cloned(),
        members: Vec::new(),
    };
    let items = collect(&mut service, std::mem::take(&mut module.items), &mut errors);
    check::service(&service, &module.vis, &mut errors);
    let generated = expand::service(&service);
    let cfgs = parse::carried(&module.attrs).cfgs;
    let beside = expand::kept_contract(&service, &cfgs);
    let Module { attrs, vis, mod_token, name, inner, .. } = &module;
    quote! {
        #errors
        #(#attrs)*
        #vis #mod_token #name {
            #(#inner)*
            #items
            #generated
        }
        #beside
    }
}

/// Takes the branches out of the items; the items as they are to be written.
fn collect(service: &mut Service, items: Vec<Item>, errors: &mut Errors) -> TokenStream {
    let mut written = TokenStream::new();
    let mut within = Vec::new();
    let mut used = Vec::new();
    for item in items {
        match item {
            Item::Function(mut function) => {
                check::no_conditional_role(&mut function.attrs, errors);
                check::no_role_of_another_pattern(&mut function.attrs, errors);
                if let Some(branch) = parse::take(&mut function.attrs, "branch") {
                    errors.push(branch, "`#[branch]` stands on a `pub use`; a function says its role: `#[msg_branch]`");
                }
                let krate = service.krate.clone();
                let found = function.attrs.iter().position(|attr| parse::role_of(attr).is_some());
                let Some(found) = found else {
                    mark(&krate, &mut function.attrs);
                    function.to_tokens(&mut written);
                    continue;
                };
                let attr = function.attrs.remove(found);
                let role = parse::role_of(&attr).expect("just found");
                let options = role::options(role, &attr, errors);
                if !used.contains(attr.path()) {
                    used.push(attr.path().clone());
                }
                let place = Place { krate: &krate, base: &service.base, is_remote: service.is_remote };
                let branch = role::read(role, &options, &mut function, &place, errors);
                mark(&krate, &mut function.attrs);
                written.extend(role::write(&branch, function));
                service.members.push(Member::Branch(branch));
            }
            Item::Use(mut item) => {
                if let Some(attr) = parse::take(&mut item.attrs, "branch") {
                    match item.name() {
                        Some(name) => service.members.push(Member::Elsewhere {
                            carried: parse::carried(&item.attrs),
                            vis: item.vis.clone(),
                            name,
                        }),
                        None => errors.push(attr, "`#[branch]` is for one branch: `#[branch] pub use path::name;`"),
                    }
                }
                item.to_tokens(&mut written);
            }
            Item::Module(attrs, tokens) => {
                within.push(tokens.clone());
                let _ = attrs;
                tokens.to_tokens(&mut written);
            }
            Item::Other(tokens) => tokens.to_tokens(&mut written),
        }
    }
    // The roles were taken away: without this their import would count as unused, and one that is missing as fine.
    let note = Ident::new(role::COLLECTED, Span::mixed_site());
    written.extend(quote!(#(#[#used(#note)] const _: () = ();)*));
    for tokens in &within {
        check::collected_from_within(tokens, &service.members, errors);
    }
    written
}

/// Puts a mark beside attributes that are not known: if one is a role under another name, it finds it and refuses.
fn mark(krate: &Path, attrs: &mut Vec<Attribute>) {
    if attrs.iter().any(|attr| !parse::is_builtin(attr)) {
        attrs.push(syn::parse_quote!(#[#krate::__private::in_service]));
    }
}

fn not_a_module(error: &syn::Error, item: &TokenStream) -> TokenStream {
    let mut errors = Errors::default();
    match parse::kind(item) {
        "a module" => errors.push_error(error),
        what => errors.push(
            parse::head(item),
            format_args!(
                "`#[service]` stands on an inline module, `#[service(\"/api/bank\")] mod bank {{ .. }}`, not on {what}"
            ),
        ),
    }
    quote!(#errors #item)
}
