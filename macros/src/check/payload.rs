//! Divides the arguments of a branch into extractors and payload.

use syn::{Ident, PathArguments, PathSegment, Signature, Type, TypePath};

use crate::errors::Errors;
use crate::model::Extractor;
use crate::parse::Options;
use crate::tokens::text;

/// The options on the payload. They are needed because an attribute sees only a type's name, not its traits.
pub(super) enum Said<'o> {
    /// No option: the last argument is the payload, unless it has the name of an extractor.
    Nothing,
    /// `no_payload`: the last argument is an extractor, whatever its name.
    NoPayload,
    /// `payload = Type`: the last argument is the payload, whatever its name.
    Payload(&'o Type),
}

/// Reads the options on the payload.
pub(super) fn said<'o>(options: &'o Options, errors: &mut Errors) -> Said<'o> {
    match (options.flag("no_payload"), options.ty("payload")) {
        (Some(no_payload), Some(_)) => {
            errors.push(
                no_payload,
                "`no_payload` says that there is no payload, and `payload` names it: remove one of them",
            );
            Said::Nothing
        }
        (Some(_), None) => Said::NoPayload,
        (None, Some(payload)) => Said::Payload(payload),
        (None, None) => Said::Nothing,
    }
}

/// Whether the last argument is the payload that `payload = Type` names; reports it if the option names something else.
pub(super) fn is_named(said: &Said<'_>, last: Option<&Type>, sig: &Signature, errors: &mut Errors) -> bool {
    let (Said::Payload(named), name) = (said, &sig.ident) else { return false };
    let Some(last) = last else {
        errors.push(named, format_args!("`{name}` takes no payload: remove `payload = {}`", text(named)));
        return false;
    };
    if last != *named {
        let (last, named_text) = (text(last), text(named));
        errors.push(
            named,
            format_args!("`payload` names the type of the last argument of `{name}`: `{last}`, not `{named_text}`"),
        );
    }
    true
}

/// Divides the arguments after the transaction into extractors and the payload.
pub(super) fn split(said: &Said<'_>, arguments: &[&Type], errors: &mut Errors) -> (Vec<Extractor>, Option<Type>) {
    let extractors = |types: &[&Type]| {
        types.iter().map(|ty| Extractor { ty: (*ty).clone(), is_known: is_known_extractor(ty) }).collect::<Vec<_>>()
    };
    let Some((last, others)) = arguments.split_last() else { return (Vec::new(), None) };
    match said {
        Said::NoPayload => (extractors(arguments), None),
        Said::Nothing if is_known_extractor(last) => {
            if let Some(early) = others.iter().find(|ty| !is_known_extractor(ty)) {
                errors.push(
                    early,
                    format_args!(
                        "the payload comes last: put it after `{}` (if it is an extractor: `#[msg_branch(no_payload)]`)",
                        text(last)
                    ),
                );
                return (Vec::new(), Some((**early).clone()));
            }
            (extractors(arguments), None)
        }
        Said::Nothing | Said::Payload(_) => (extractors(others), Some((*last).clone())),
    }
}

/// Whether the type is an argument of axum's handlers that a branch cannot have; reports it then.
pub(super) fn of_a_handler(ty: &Type, name: &Ident, errors: &mut Errors) -> bool {
    let Type::Path(TypePath { path, .. }) = ty else { return false };
    let Some(PathSegment { ident, arguments: PathArguments::AngleBracketed(of) }) = path.segments.last() else {
        return false;
    };
    let of = text(&of.args);
    if ident == "Json" || ident == "Form" {
        errors.push(ty, format_args!("`{name}` gets its payload as it is, read from JSON: write `{of}`"));
    } else if ident == "Path" {
        errors.push(ty, format_args!("the path of `{name}` has no captures: take what varies as payload"));
    } else {
        return false;
    }
    true
}

/// The extractors of axum and Branchwire, by their names.
const EXTRACTORS: [&str; 17] = [
    "BranchContext",
    "ConnectInfo",
    "CookieJar",
    "Extension",
    "Extensions",
    "HeaderMap",
    "Host",
    "MatchedPath",
    "Method",
    "OriginalUri",
    "Parts",
    "Query",
    "RawQuery",
    "State",
    "TypedHeader",
    "Uri",
    "Version",
];

fn is_known_extractor(ty: &Type) -> bool {
    let Type::Path(TypePath { path, .. }) = ty else { return false };
    path.segments.last().is_some_and(|segment| EXTRACTORS.iter().any(|known| segment.ident == known))
}
