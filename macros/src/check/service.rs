//! The rules of a service: its names and paths, and that none of its branches is silently left out.

use std::collections::HashMap;

use proc_macro2::TokenStream;
use quote::ToTokens;
use syn::ext::IdentExt;
use syn::parse::Parser;
use syn::{Attribute, Ident, Path, Visibility};

use super::path;
use crate::errors::Errors;
use crate::model::{Carried, Member, RoutePath, Service};
use crate::parse::{self, Item, Options};
use crate::tokens::text;

/// The names of the items that `#[service]` generates.
const RESERVED: [&str; 5] = ["at", "router", "Contract", "Remote", "ROUTES"];

/// The base path of a service.
pub(crate) fn base(options: &Options, name: &Ident, errors: &mut Errors) -> String {
    let Some(text) = &options.text else {
        if !options.has_mistakes {
            let base = name.unraw().to_string().replace('_', "-");
            errors
                .push(name, format_args!("the service `{name}` has no base path: write `#[service(\"/api/{base}\")]`"));
        }
        return String::new();
    };
    path::base_path(text, errors)
}

/// Reports options that a host must not have: its base path comes from its contract.
pub(crate) fn host(options: &Options, contract: &Path, errors: &mut Errors) {
    if let Some(base) = &options.text {
        errors.push(base, format_args!("`{}` gives the service its base path: remove this one", text(contract)));
    }
    if let Some(remote) = options.flag("remote") {
        errors.push(remote, "a service either implements a contract or is remote: remove `remote`");
    }
}

/// A service as a whole.
pub(crate) fn service(service: &Service, vis: &Visibility, errors: &mut Errors) {
    for member in &service.members {
        reserved(service, member, errors);
        visible(service, vis, member, errors);
    }
    one_path_each(&service.members, errors);
}

fn reserved(service: &Service, member: &Member, errors: &mut Errors) {
    let name = member.name();
    if RESERVED.iter().any(|reserved| name == reserved) || (service.openapi.is_some() && name == "openapi") {
        errors.push(
            name,
            format_args!("`{name}` is a name that `#[service]` itself gives to something: name the branch otherwise"),
        );
    }
}

/// A branch must be as visible as its service, since the service's `Remote` has a method for each branch.
fn visible(service: &Service, vis: &Visibility, member: &Member, errors: &mut Errors) {
    let enough = match (member.vis(), vis) {
        (Visibility::Public(_), _) | (Visibility::Restricted(_), Visibility::Inherited) => true,
        (Visibility::Inherited, _) | (Visibility::Restricted(_), Visibility::Public(_)) => false,
        (Visibility::Restricted(branch), Visibility::Restricted(service)) => {
            // `pub(super)` within the module is less visible than any `pub(in path)` outside of it.
            !branch.path.is_ident("super") && !branch.path.is_ident("self") || service.path.is_ident("self")
        }
    };
    if !enough {
        let (name, module) = (member.name(), &service.name);
        errors.push(name, format_args!("`{name}` is less visible than its service `{module}`: make it `pub`"));
    }
}

/// Compares the paths that are known here. A generated constant compares those of contracts, and those under `#[cfg]`.
fn one_path_each(members: &[Member], errors: &mut Errors) {
    let known = |member: &Member| match member {
        Member::Branch(branch) if branch.carried.cfgs.is_empty() => match &branch.path {
            RoutePath::Known(path) => Some((path.clone(), branch.name.clone())),
            RoutePath::OfContract | RoutePath::BelowContract(_) => None,
        },
        _ => None,
    };
    let mut seen: HashMap<String, Ident> = HashMap::new();
    for (path, name) in members.iter().filter_map(known) {
        match seen.get(&path) {
            // rustc reports two functions with one name.
            Some(first) if *first == name => {}
            Some(first) => {
                errors.push(
                    &name,
                    format_args!("`{first}` and `{name}` have one path, `{path}`: give one of them another"),
                );
            }
            None => {
                seen.insert(path, name);
            }
        }
    }
}

/// `#[service]` does not see a role under `#[cfg_attr]`. The attribute is removed, so that it is reported once.
pub(crate) fn no_conditional_role(attrs: &mut Vec<Attribute>, errors: &mut Errors) {
    attrs.retain(|attr| {
        let role = parse::mentions_role(attr);
        if let Some(role) = role {
            errors.push(
                attr,
                format_args!(
                    "a role under `cfg_attr` is not collected: write `#[cfg(..)]` and `{role}`, each for itself"
                ),
            );
        }
        role.is_none()
    });
}

/// A branch in a module within the service is collected by `#[branch] pub use`; without that it has no route.
pub(crate) fn collected_from_within(module: &TokenStream, members: &[Member], errors: &mut Errors) {
    let Some(content) = parse::content(module) else { return };
    let Ok(items) = parse::items.parse2(content) else { return };
    for item in items {
        match item {
            Item::Function(function) => {
                let name = &function.sig.ident;
                let Some(attr) = function.attrs.iter().find(|attr| parse::role_of(attr).is_some()) else { continue };
                if !members.iter().any(|member| matches!(member, Member::Elsewhere { .. }) && member.name() == name) {
                    errors.push(
                        attr.to_token_stream(),
                        format_args!(
                            "`{name}` is in a module within the service, and so no branch of it: move it up, or add \
                             `#[branch] pub use path::{name};`"
                        ),
                    );
                }
            }
            Item::Module(tokens) => collected_from_within(&tokens, members, errors),
            Item::Use(_) | Item::Other(_) => {}
        }
    }
}

/// Reports `#[branch]` on a function: it would have no effect, since a function has a role attribute.
pub(crate) fn no_mark_of_elsewhere(mark: &Attribute, errors: &mut Errors) {
    errors.push(mark, "`#[branch]` stands on a `pub use`; a function says its role: `#[msg_branch]`");
}

/// The branch that `#[branch] pub use path::name;` adds.
pub(crate) fn elsewhere(mark: &Attribute, item: &parse::Use, errors: &mut Errors) -> Option<Member> {
    let Some(name) = item.name() else {
        errors.push(mark, "`#[branch]` is for one branch: `#[branch] pub use path::name;`");
        return None;
    };
    let carried: Carried = parse::carried(&item.attrs);
    Some(Member::Elsewhere { carried, vis: item.vis.clone(), name })
}

/// Reports an item that is not an inline module.
pub(crate) fn is_a_module(error: &syn::Error, item: &TokenStream, errors: &mut Errors) {
    match parse::kind(item) {
        "a module" => errors.push_error(error),
        what => errors.push(
            parse::head(item),
            format_args!(
                "`#[service]` stands on an inline module, `#[service(\"/api/bank\")] mod bank {{ .. }}`, not on {what}"
            ),
        ),
    }
}
