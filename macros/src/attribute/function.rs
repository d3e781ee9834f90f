//! An attribute that gives a function its role: `#[msg_branch]`, `#[query_prepared]`.

use proc_macro2::{Span, TokenStream};
use syn::{Attribute, Meta, Path};

use crate::errors::Errors;
use crate::model::{Base, Branch, COLLECTED, Half, Role, Shape};
use crate::parse::{self, Accepted, Function, Options, Takes};
use crate::{check, expand};

/// The tokens that the attribute writes in place of a function outside of a service.
pub(crate) fn function(role: &'static Role, options: TokenStream, item: &TokenStream) -> TokenStream {
    if options.to_string() == COLLECTED {
        return TokenStream::new();
    }
    let mut errors = Errors::default();
    let Ok(mut function) = syn::parse2::<Function>(item.clone()) else {
        check::is_a_function(role, item, &mut errors);
        return expand::as_it_is(&errors, item);
    };
    let options = read_options(role, options, &mut errors);
    let krate = options.path("crate").cloned().unwrap_or_else(parse::krate);
    if let Some(marker) = function.attrs.iter().position(parse::is_marker) {
        function.attrs.remove(marker);
        errors.push_at(
            Span::call_site(),
            format_args!("inside `#[service]` write this attribute as `{role}`: it is looked for by its name"),
        );
        return expand::not_collected(&errors, function);
    }
    let place = Place { krate: &krate, service: "", base: &Base::Known(String::new()), is_remote: false };
    let branch = branch(role, &options, &mut function, &place, &mut errors);
    expand::function(&errors, &branch, &function)
}

/// The surroundings of an annotated function.
pub(super) struct Place<'a> {
    pub(super) krate: &'a Path,
    /// The module of its service; empty outside of one.
    pub(super) service: &'a str,
    pub(super) base: &'a Base,
    pub(super) is_remote: bool,
}

/// Reads a function with its role. Other role attributes on it are reported and removed.
pub(super) fn branch(
    role: &'static Role,
    options: &Options,
    function: &mut Function,
    place: &Place<'_>,
    errors: &mut Errors,
) -> Branch {
    let mut mistakes = Errors::default();
    let (roles, kept) = parse::split_roles(std::mem::take(&mut function.attrs));
    function.attrs = kept;
    let name = function.sig.ident.clone();
    check::one_role(role, &function.sig, &roles, &mut mistakes);
    let path = check::route_path(role, options, &name, place.base, &mut mistakes);
    let pair = check::pair(role, options, &name, &mut mistakes);
    let (call, known) = if place.is_remote {
        (None, check::remote(role, options, function, &mut mistakes))
    } else {
        let mut own = Errors::default();
        let checked = match role.shape {
            Shape::Branch => check::branch(role, options, function, &mut own),
            Shape::QueryPrepared => check::query_prepared(role, function, &mut own),
        };
        if !own.is_empty() {
            own.show_usage(role.usage);
        }
        mistakes.append(own);
        checked
    };
    let call = call.filter(|_| mistakes.is_empty());
    errors.append(mistakes);
    Branch {
        krate: place.krate.clone(),
        carried: parse::carried(&function.attrs),
        vis: function.vis.clone(),
        name,
        role,
        path,
        pair,
        service: place.service.to_owned(),
        known,
        call,
        is_remote: place.is_remote,
    }
}

/// The options of an attribute that `#[service]` found on a function.
pub(super) fn options_of(role: &Role, attr: &Attribute, errors: &mut Errors) -> Options {
    let tokens = match &attr.meta {
        Meta::List(list) => list.tokens.clone(),
        _ => TokenStream::new(),
    };
    read_options(role, tokens, errors)
}

fn read_options(role: &Role, tokens: TokenStream, errors: &mut Errors) -> Options {
    let words: &[_] = match (role.shape, role.half) {
        (Shape::Branch, Some(Half::First(first))) if first.excuse.is_some() => &[
            ("nothing_to_undo", Takes::Nothing),
            ("no_payload", Takes::Nothing),
            ("payload", Takes::Type),
            ("crate", Takes::Path),
        ],
        (Shape::Branch, None | Some(Half::First(_))) => {
            &[("no_payload", Takes::Nothing), ("payload", Takes::Type), ("crate", Takes::Path)]
        }
        (Shape::Branch, Some(Half::Second(_))) => {
            &[("of", Takes::Path), ("no_payload", Takes::Nothing), ("payload", Takes::Type), ("crate", Takes::Path)]
        }
        (Shape::QueryPrepared, _) => &[("crate", Takes::Path)],
    };
    let accepted =
        Accepted { attribute: &role.to_string(), text: Some("path"), takes: "a path", example: role.example, words };
    Options::read(tokens, &accepted, errors)
}
