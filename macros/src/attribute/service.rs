//! `#[service("/base")]` on a module: its annotated functions become one service.

use proc_macro2::TokenStream;
use quote::ToTokens;

use super::function::{self, Place};
use crate::errors::Errors;
use crate::expand::Written;
use crate::model::{Base, Member, Service};
use crate::parse::{self, Accepted, Function, Item, Module, Options, Takes};
use crate::{check, expand};

const ACCEPTED: Accepted<'_> = Accepted {
    attribute: "#[service]",
    text: Some("base path"),
    takes: "a base path",
    example: "#[service(\"/api/bank\")]",
    words: &[
        ("remote", Takes::Nothing),
        ("openapi", Takes::Nothing),
        ("implements", Takes::Path),
        ("crate", Takes::Path),
    ],
};

/// The tokens that the attribute writes in place of the module.
pub(crate) fn service(options: TokenStream, item: &TokenStream) -> TokenStream {
    let mut errors = Errors::default();
    let options = Options::read(options, &ACCEPTED, &mut errors);
    let mut module: Module = match syn::parse2(item.clone()) {
        Ok(module) => module,
        Err(error) => {
            let mut errors = Errors::default();
            check::is_a_module(&error, item, &mut errors);
            return expand::as_it_is(&errors, item);
        }
    };
    let contract = options.path("implements");
    let base = match contract {
        Some(contract) => {
            check::host(&options, contract, &mut errors);
            Base::Contract(contract.clone())
        }
        None => Base::Known(check::base(&options, &module.name, &mut errors)),
    };
    let mut service = Service {
        krate: options.path("crate").cloned().unwrap_or_else(parse::krate),
        name: module.name.clone(),
        base,
        is_remote: options.flag("remote").is_some() && contract.is_none(),
        openapi: options.flag("openapi").cloned(),
        members: Vec::new(),
    };
    let items = std::mem::take(&mut module.items);
    let items: Vec<_> = items.into_iter().map(|item| collect(&mut service, item, &mut errors)).collect();
    for item in &items {
        if let Written::Other { tokens, is_module: true } = item {
            check::collected_from_within(tokens, &service.members, &mut errors);
        }
    }
    check::pairs(&mut service.members, contract.is_some(), &mut errors);
    check::service(&service, &module.vis, &mut errors);
    expand::service(&errors, &service, &module, items)
}

/// Adds the branch of an item, if it is one, to the service.
fn collect(service: &mut Service, item: Item, errors: &mut Errors) -> Written {
    match item {
        Item::Function(function) => collect_function(service, function, errors),
        Item::Use(mut item) => {
            if let Some(mark) = parse::take(&mut item.attrs, "branch") {
                service.members.extend(check::elsewhere(&mark, &item, errors));
            }
            Written::Other { tokens: item.to_token_stream(), is_module: false }
        }
        Item::Module(tokens) => Written::Other { tokens, is_module: true },
        Item::Other(tokens) => Written::Other { tokens, is_module: false },
    }
}

fn collect_function(service: &mut Service, mut function: Function, errors: &mut Errors) -> Written {
    check::no_conditional_role(&mut function.attrs, errors);
    if let Some(mark) = parse::take(&mut function.attrs, "branch") {
        check::no_mark_of_elsewhere(&mark, errors);
    }
    let found = function.attrs.iter().enumerate().find_map(|(index, attr)| Some((index, parse::role_of(attr)?)));
    let Some((index, role)) = found else { return Written::Function(function) };
    let attr = function.attrs.remove(index);
    let options = function::options_of(role, &attr, errors);
    let name = service.name.to_string();
    let place = Place { krate: &service.krate, service: &name, base: &service.base, is_remote: service.is_remote };
    let branch = function::branch(role, &options, &mut function, &place, errors);
    service.members.push(Member::Branch(branch));
    Written::Branch { member: service.members.len() - 1, role: attr.path().clone(), function }
}
