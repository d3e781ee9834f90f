//! The rules of a service: its names, its paths, and that nothing in it is left out in silence.

use proc_macro2::TokenStream;
use quote::ToTokens;
use syn::ext::IdentExt;
use syn::parse::Parser;
use syn::{Attribute, Ident, Path, Visibility};

use super::{path, text};
use crate::branch::{Member, RoutePath, Service};
use crate::errors::Errors;
use crate::parse::{self, Item, Options};

/// The names that a service has of its own.
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

/// A host takes its base from its contract.
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

/// Whether a branch has this name of the service's own; that was told, and the service then does without.
pub(crate) fn is_taken(service: &Service, name: &str) -> bool {
    service.members.iter().any(|member| member.name() == name)
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

/// A branch is seen by whoever sees its service: a remote has a method for each.
fn visible(service: &Service, vis: &Visibility, member: &Member, errors: &mut Errors) {
    let enough = match (member.vis(), vis) {
        (Visibility::Public(_), _) | (Visibility::Restricted(_), Visibility::Inherited) => true,
        (Visibility::Inherited, _) | (Visibility::Restricted(_), Visibility::Public(_)) => false,
        (Visibility::Restricted(branch), Visibility::Restricted(service)) => {
            // `super` within the module is less than any other place that is said outside of it.
            !branch.path.is_ident("super") && !branch.path.is_ident("self") || service.path.is_ident("self")
        }
    };
    if !enough {
        let (name, module) = (member.name(), &service.name);
        errors.push(name, format_args!("`{name}` is less visible than its service `{module}`: make it `pub`"));
    }
}

/// Paths that are known here and stand under no `#[cfg]`; the others are compared when the program is compiled.
fn one_path_each(members: &[Member], errors: &mut Errors) {
    let known = |member: &Member| match member {
        Member::Branch(branch) if branch.carried.cfgs.is_empty() => match &branch.path {
            RoutePath::Known(path) => Some((path.clone(), branch.name.clone())),
            RoutePath::OfContract | RoutePath::BelowContract(_) => None,
        },
        _ => None,
    };
    let mut seen: Vec<(String, Ident)> = Vec::new();
    for (path, name) in members.iter().filter_map(known) {
        match seen.iter().find(|(other, _)| *other == path) {
            // Of one name: rustc says so.
            Some((_, first)) if *first == name => {}
            Some((_, first)) => {
                errors.push(
                    &name,
                    format_args!("`{first}` and `{name}` have one path, `{path}`: give one of them another"),
                );
            }
            None => seen.push((path, name)),
        }
    }
}

/// A role under `#[cfg_attr]` would come too late to be collected. It is taken away, so as to be told once.
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

/// A role in a pattern that is not there. It is taken away, so as to be told once.
pub(crate) fn no_role_of_another_pattern(attrs: &mut Vec<Attribute>, errors: &mut Errors) {
    attrs.retain(|attr| {
        let pattern = parse::other_pattern_of(attr);
        if let Some(pattern) = pattern {
            let role = &attr.path().segments.last().expect("a name").ident;
            errors.push(
                attr,
                format_args!(
                    "`{role}` is a role in {pattern}, and Branchwire carries messages: a message's branch is \
                     `#[msg_branch]`, and has to succeed in the end"
                ),
            );
        }
        pattern.is_none()
    });
}

/// A branch in a module within is collected by `#[branch] pub use`; not to do so is a mistake more often than a wish.
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
            Item::Module(_, tokens) => collected_from_within(&tokens, members, errors),
            Item::Use(_) | Item::Other(_) => {}
        }
    }
}
