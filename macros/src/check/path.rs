//! The rules of a path: both a URL and a router accept it without escaping.

use syn::ext::IdentExt;
use syn::{Ident, LitStr};

use crate::errors::Errors;
use crate::model::{Base, Role, RoutePath};
use crate::parse::Options;

/// The whole path of a branch: the base, then the given path or the one derived from its name.
pub(crate) fn route_path(role: &Role, options: &Options, name: &Ident, base: &Base, errors: &mut Errors) -> RoutePath {
    match (base, &options.text) {
        (Base::Contract(_), Some(text)) if role.is_in_contracts => {
            errors.push(text, format_args!("the contract gives `{name}` its path: remove this one"));
            RoutePath::Known(text.value())
        }
        (Base::Contract(_), None) if role.is_in_contracts => RoutePath::OfContract,
        (base, text) => {
            let tail = match text {
                Some(text) => path("path", text, errors),
                None => derived_path(role, name, errors),
            };
            match base {
                Base::Known(base) => RoutePath::Known(format!("{base}{tail}")),
                Base::Contract(_) => RoutePath::BelowContract(tail),
            }
        }
    }
}

/// The path derived from a function's name: `trans_in` has `/trans-in`.
fn derived_path(role: &Role, name: &Ident, errors: &mut Errors) -> String {
    let word = name.unraw().to_string();
    if !word.is_ascii() {
        errors.push(
            name,
            format_args!(
                "`{name}` is not ASCII, so no path can be derived: give it one, `#[{}(\"/path\")]`",
                role.attribute
            ),
        );
        return "/".to_owned();
    }
    format!("/{}", word.trim_matches('_').replace('_', "-"))
}

/// The base path of a service.
pub(super) fn base_path(literal: &LitStr, errors: &mut Errors) -> String {
    let base = path("base path", literal, errors);
    if base.len() > 1 && base.ends_with('/') || base == "/" {
        errors.push(literal, "a base path has no slash at its end: the branches' paths start with one");
        return base.trim_end_matches('/').to_owned();
    }
    base
}

fn path(what: &str, literal: &LitStr, errors: &mut Errors) -> String {
    let path = literal.value();
    if let Some(mistake) = mistake(what, &path) {
        errors.push(literal, mistake);
    }
    path
}

/// The mistake in a path; `None` if there is none.
fn mistake(what: &str, path: &str) -> Option<String> {
    if path.is_empty() {
        return Some(format!("the {what} is empty: write `\"/name\"`"));
    }
    if let Some(other) = path.chars().find(|c| !c.is_ascii()) {
        return Some(format!("`{other}` is not ASCII: a {what} goes into a URL as it stands"));
    }
    if path.contains('?') {
        return Some(format!("a {what} has no query: the coordinator adds its own; take what you need as payload"));
    }
    if path.contains(['{', '}', '*']) || path.contains("/:") {
        return Some(format!("a {what} has no captures: take what you need as payload"));
    }
    if !path.starts_with('/') {
        return Some(format!("a {what} starts with a slash: `\"/{path}\"`"));
    }
    if let Some(other) = path.chars().find(|c| !(c.is_ascii_alphanumeric() || "/-_.~".contains(*c))) {
        return Some(format!("`{other}` cannot stand in a {what}: write letters, digits, `-`, `_`, `.` and `~`"));
    }
    if path.split('/').any(|segment| segment == "." || segment == "..") || path.contains("//") {
        return Some(format!("a {what} has no empty, `.` or `..` segment: clients and proxies rewrite it"));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_needs_no_escaping_in_a_url_or_a_router() {
        for good in ["/", "/in", "/api/bank-b/trans_in", "/v1.2/~x", "/in/"] {
            assert_eq!(mistake("path", good), None, "{good}");
        }
        for bad in ["", "in", "/in?x=1", "/{id}", "/:id", "/*rest", "/größe", "/a b", "/a#b", "//", "/../in", "/a%20b"]
        {
            assert!(mistake("path", bad).is_some(), "{bad}");
        }
    }
}
