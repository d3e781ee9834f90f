//! The rules of a function that becomes a branch: syntax to domain, one small function a rule.
//!
//! Only what tokens show is judged here. What the types say (is it a payload? a database?) is asked of the trait system.

use proc_macro2::{Group, TokenStream, TokenTree};
use quote::ToTokens;
use syn::{
    FnArg, GenericArgument, GenericParam, Ident, Lifetime, PathArguments, PathSegment, ReturnType, Signature, Type,
    TypePath, TypeReference,
};

use super::text;
use crate::branch::{Call, Known, Role};
use crate::errors::Errors;
use crate::parse::{Body, Function};

/// Judges a function in its role: how it is called, unless there are mistakes, and what is known of it in any case.
pub(crate) fn call(
    role: Role,
    no_payload: Option<&Ident>,
    function: &Function,
    errors: &mut Errors,
) -> (Option<Call>, Known) {
    let mut mistakes = Errors::default();
    let mut known = Known::default();
    let call = match (role, &function.body) {
        (Role::MsgBranch, body) => {
            if let Body::None(semi) = body {
                let name = &function.sig.ident;
                mistakes.push(
                    semi,
                    format_args!(
                        "`{name}` has no body: only a query-prepared, or a branch in `#[service(.., remote)]`, has none"
                    ),
                );
            }
            msg_branch(no_payload, &function.sig, &mut known, &mut mistakes)
        }
        (Role::QueryPrepared, Body::None(_)) => ask_barrier(&function.sig, &mut known, &mut mistakes),
        (Role::QueryPrepared, Body::Block(_)) => decide(&function.sig, &mut known, &mut mistakes),
    };
    if mistakes.is_empty() {
        return (call, known);
    }
    mistakes.show_usage(role.usage());
    errors.append(mistakes);
    (None, known)
}

fn msg_branch(no_payload: Option<&Ident>, sig: &Signature, known: &mut Known, errors: &mut Errors) -> Option<Call> {
    free_function(Role::MsgBranch, sig, errors);
    is_async(sig, errors);
    let types = argument_types(sig);
    let database = transaction(sig, types.first().copied(), errors);
    let rest = types.get(1..).unwrap_or_default();
    let has_transaction_first = types.first().is_some_and(|ty| is_transaction(ty));
    for ty in rest {
        if !is_transaction(ty) {
            if !of_a_handler(ty, sig, errors) {
                owned(ty, sig, errors);
            }
        } else if has_transaction_first {
            errors.push(ty, format_args!("`{}` has a second transaction: a branch works in one database", sig.ident));
        } else {
            errors.push(ty, format_args!("the transaction comes first: `tx: {}`", text(ty)));
        }
    }
    let arguments: Vec<&Type> = if has_transaction_first { rest.to_vec() } else { types.clone() };
    let arguments: Vec<&Type> = arguments.into_iter().filter(|ty| !is_transaction(ty)).collect();
    let (extractors, payload) = extractors_and_payload(no_payload, &arguments, errors);
    let outcome = returned(sig, "Result<(), Retry>", errors);
    if let Some(outcome) = &outcome {
        cannot_refuse(sig, outcome, errors);
    }
    *known = Known { database: database.clone(), payload: payload.as_ref().and_then(|ty| nameable(ty, sig)) };
    Some(Call::MsgBranch { database: database?, extractors, payload, outcome: outcome? })
}

fn ask_barrier(sig: &Signature, known: &mut Known, errors: &mut Errors) -> Option<Call> {
    free_function(Role::QueryPrepared, sig, errors);
    let name = &sig.ident;
    if let Some(asyncness) = &sig.asyncness {
        errors.push(asyncness, format_args!("`{name}` has no body, and so is not `async`: the barrier answers"));
    }
    if let ReturnType::Type(arrow, ty) = &sig.output {
        let at = [arrow.to_token_stream(), ty.to_token_stream()].into_iter().collect::<TokenStream>();
        errors.push(at, format_args!("`{name}` has no body, and so returns nothing: the barrier answers"));
    }
    let types = argument_types(sig);
    too_many_arguments(sig, 1, errors);
    let database = match types.first().copied() {
        None => {
            lacks(sig, "its database: its argument is `db: Database`", errors);
            None
        }
        Some(Type::Reference(TypeReference { elem, .. })) => {
            errors.push(
                types[0],
                format_args!("`{name}` has no body, and so names its database only: write `{}`", text(elem)),
            );
            Some((**elem).clone())
        }
        Some(ty) => {
            owned(ty, sig, errors);
            Some(ty.clone())
        }
    };
    known.database.clone_from(&database);
    Some(Call::AskBarrier { database: database? })
}

fn decide(sig: &Signature, known: &mut Known, errors: &mut Errors) -> Option<Call> {
    free_function(Role::QueryPrepared, sig, errors);
    is_async(sig, errors);
    let name = &sig.ident;
    let types = argument_types(sig);
    too_many_arguments(sig, 2, errors);
    let database = match types.first().copied() {
        None => {
            lacks(sig, "its database: its first argument is `db: &Database`", errors);
            None
        }
        Some(Type::Reference(TypeReference { mutability: None, elem, lifetime, .. })) => {
            no_lifetime(sig, lifetime.as_ref(), errors);
            Some((**elem).clone())
        }
        Some(ty) => {
            let owned = if let Type::Reference(reference) = ty { &reference.elem } else { ty };
            errors.push(ty, format_args!("`{name}` takes its database by reference: write `&{}`", text(owned)));
            Some(owned.clone())
        }
    };
    let gid = types.get(1).copied();
    match gid {
        Some(gid) => owned(gid, sig, errors),
        None if database.is_some() => lacks(sig, "the gid: its second argument is `gid: Gid`", errors),
        None => {}
    }
    let decision = returned(sig, "Result<Prepared, Retry>", errors);
    known.database.clone_from(&database);
    Some(Call::Decide { database: database?, gid: gid?.clone(), decision: decision? })
}

/// No generics, no `unsafe`, no `self`: a route calls it, with one set of types.
pub(super) fn free_function(role: Role, sig: &Signature, errors: &mut Errors) {
    let what = role.noun();
    let name = &sig.ident;
    if let Some(constness) = &sig.constness {
        errors.push(constness, format_args!("{what} cannot be `const`: write `async fn {name}`"));
    }
    if !matches!(sig.safety, syn::Safety::Default) {
        errors.push(&sig.safety, format_args!("{what} cannot be `{}`: a route calls it", text(&sig.safety)));
    }
    if let Some(abi) = &sig.abi {
        errors.push(abi, format_args!("{what} cannot be `extern`: a route calls it"));
    }
    let generics = &sig.generics;
    if names_lifetimes_only(sig) {
        errors.push(generics, format_args!("`{name}` names a lifetime: remove it, here and below"));
    } else if !generics.params.is_empty() {
        errors.push(generics, format_args!("`{name}` cannot be generic: its route has one set of types"));
    }
    if let Some(clause) = &generics.where_clause {
        errors.push(clause, format_args!("`{name}` cannot have a where-clause: its route has one set of types"));
    }
    if let Some(variadic) = &sig.variadic {
        errors.push(variadic, format_args!("{what} cannot be variadic"));
    }
    for input in &sig.inputs {
        if let FnArg::Receiver(receiver) = input {
            errors.push(receiver, format_args!("{what} is a free function: remove `{}`", text(receiver)));
        }
    }
}

fn names_lifetimes_only(sig: &Signature) -> bool {
    let params = &sig.generics.params;
    !params.is_empty() && params.iter().all(|param| matches!(param, GenericParam::Lifetime(_)))
}

fn is_async(sig: &Signature, errors: &mut Errors) {
    if sig.asyncness.is_none() && sig.constness.is_none() {
        let name = &sig.ident;
        errors.push(sig.fn_token, format_args!("`{name}` is not async: write `async fn {name}`"));
    }
}

/// Where it is declared, that was said there.
fn no_lifetime(sig: &Signature, lifetime: Option<&Lifetime>, errors: &mut Errors) {
    if let (Some(lifetime), true) = (lifetime, sig.generics.params.is_empty()) {
        errors.push(lifetime, format_args!("`{}` names a lifetime: remove it", sig.ident));
    }
}

/// The database of `&mut Tx<D>`.
fn transaction(sig: &Signature, first: Option<&Type>, errors: &mut Errors) -> Option<Type> {
    let Some(first) = first else {
        lacks(sig, "its transaction: its first argument is `tx: &mut Tx<Database>`", errors);
        return None;
    };
    let name = &sig.ident;
    let (reference, inner) = match first {
        Type::Reference(reference) => (Some(reference), &*reference.elem),
        other => (None, other),
    };
    let Some(segment) = tx_segment(inner) else {
        if argument_types(sig).iter().any(|ty| is_transaction(ty)) {
            return None;
        }
        errors.push(first, format_args!("the first argument of `{name}` is its transaction: `tx: &mut Tx<Database>`"));
        return None;
    };
    match reference {
        Some(TypeReference { mutability: Some(_), lifetime, .. }) => {
            no_lifetime(sig, lifetime.as_ref(), errors);
        }
        _ => errors
            .push(first, format_args!("`{name}` gets its transaction by mutable reference: `&mut {}`", text(inner))),
    }
    match &segment.arguments {
        PathArguments::AngleBracketed(arguments) if arguments.args.len() == 1 => match &arguments.args[0] {
            GenericArgument::Type(database) => return Some(database.clone()),
            _ => errors.push(arguments, "the argument of `Tx` is a database: `Tx<Database>`"),
        },
        _ => errors.push(inner, "say which database the transaction is in: `Tx<Database>`"),
    }
    None
}

/// `Tx<D>`, by reference or not.
pub(crate) fn is_transaction(ty: &Type) -> bool {
    tx_segment(if let Type::Reference(reference) = ty { &reference.elem } else { ty }).is_some()
}

/// `&mut Tx`: rustc would say of it what was said already.
pub(crate) fn is_transaction_of_none(ty: &Type) -> bool {
    let inner = if let Type::Reference(reference) = ty { &reference.elem } else { ty };
    tx_segment(inner).is_some_and(|segment| segment.arguments.is_empty())
}

fn tx_segment(ty: &Type) -> Option<&PathSegment> {
    match ty {
        Type::Path(TypePath { qself: None, path, .. }) => path.segments.last().filter(|segment| segment.ident == "Tx"),
        _ => None,
    }
}

/// axum's and Branchwire's own extractors: what a type is cannot be seen, so these are known by name.
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

pub(crate) fn is_known_extractor(ty: &Type) -> bool {
    let Type::Path(TypePath { path, .. }) = ty else { return false };
    path.segments.last().is_some_and(|segment| EXTRACTORS.iter().any(|known| segment.ident == known))
}

/// What handlers of axum take, and a branch does not; whether it is such.
fn of_a_handler(ty: &Type, sig: &Signature, errors: &mut Errors) -> bool {
    let Type::Path(TypePath { path, .. }) = ty else { return false };
    let Some(PathSegment { ident, arguments: PathArguments::AngleBracketed(of) }) = path.segments.last() else {
        return false;
    };
    let (name, of) = (&sig.ident, text(&of.args));
    if ident == "Json" || ident == "Form" {
        errors.push(ty, format_args!("`{name}` gets its payload as it is, read from JSON: write `{of}`"));
    } else if ident == "Path" {
        errors.push(ty, format_args!("the path of `{name}` has no captures: what varies is payload"));
    } else {
        return false;
    }
    true
}

fn extractors_and_payload(
    no_payload: Option<&Ident>,
    rest: &[&Type],
    errors: &mut Errors,
) -> (Vec<Type>, Option<Type>) {
    let owned = |types: &[&Type]| types.iter().map(|ty| (*ty).clone()).collect::<Vec<_>>();
    match rest.split_last() {
        None => (Vec::new(), None),
        Some(_) if no_payload.is_some() => (owned(rest), None),
        Some((last, extractors)) if is_known_extractor(last) => {
            match extractors.iter().find(|ty| !is_known_extractor(ty)) {
                Some(early) => {
                    errors.push(
                        early,
                        format_args!(
                            "the payload comes last: put it after `{}` (if it is an extractor: `#[msg_branch(no_payload)]`)",
                            text(last)
                        ),
                    );
                    (Vec::new(), Some((**early).clone()))
                }
                None => (owned(rest), None),
            }
        }
        Some((last, extractors)) => (owned(extractors), Some((*last).clone())),
    }
}

/// An argument that owns its data and has one type.
pub(super) fn owned(ty: &Type, sig: &Signature, errors: &mut Errors) {
    let written = text(ty);
    let tokens = ty.to_token_stream();
    if has(&tokens, &|token| matches!(token, TokenTree::Ident(word) if word == "impl")) {
        errors.push(ty, format_args!("`{written}` is not one type: a route needs to know which to read"));
    } else if sig.generics.params.is_empty() && borrows(&tokens) {
        let advice = if written.ends_with("str") { ": write `String`" } else { "" };
        errors.push(ty, format_args!("`{written}` borrows, but an argument of a branch owns its data{advice}"));
    }
}

fn borrows(tokens: &TokenStream) -> bool {
    has(tokens, &|token| matches!(token, TokenTree::Punct(mark) if matches!(mark.as_char(), '\'' | '&')))
}

/// A type that can be named outside of its function: what comes nearest to one that cannot.
pub(super) fn nameable(ty: &Type, sig: &Signature) -> Option<Type> {
    let ty = if let Type::Reference(reference) = ty { &*reference.elem } else { ty };
    let tokens = ty.to_token_stream();
    let of_the_function = |token: &TokenTree| {
        let TokenTree::Ident(word) = token else { return false };
        let is_param = |param: &GenericParam| match param {
            GenericParam::Type(param) => param.ident == *word,
            GenericParam::Const(param) => param.ident == *word,
            GenericParam::Lifetime(_) => false,
        };
        *word == "impl" || *word == "str" || sig.generics.params.iter().any(is_param)
    };
    if has(&tokens, &of_the_function) { None } else { syn::parse2(without_lifetimes(tokens)).ok() }
}

/// Each lifetime made `'static`: only errors that were told already come of it.
fn without_lifetimes(tokens: TokenStream) -> TokenStream {
    let mut after_tick = false;
    let replace = |token| {
        let is_name = std::mem::replace(&mut after_tick, false);
        match token {
            TokenTree::Punct(mark) if mark.as_char() == '\'' => {
                after_tick = true;
                TokenTree::Punct(mark)
            }
            TokenTree::Ident(name) if is_name => TokenTree::Ident(Ident::new("static", name.span())),
            TokenTree::Group(group) => {
                TokenTree::Group(Group::new(group.delimiter(), without_lifetimes(group.stream())))
            }
            other => other,
        }
    };
    tokens.into_iter().map(replace).collect()
}

fn returned(sig: &Signature, expected: &str, errors: &mut Errors) -> Option<Type> {
    match &sig.output {
        ReturnType::Type(_, ty) => {
            // `-> impl Future` without `async` is one mistake.
            if has(&ty.to_token_stream(), &|token| matches!(token, TokenTree::Ident(word) if word == "impl")) {
                if sig.asyncness.is_some() {
                    errors.push(ty, format_args!("`{}` returns `{expected}`, not `{}`", sig.ident, text(ty)));
                }
                return None;
            }
            Some((**ty).clone())
        }
        ReturnType::Default => {
            errors.push(&sig.ident, format_args!("`{}` returns nothing: write `-> {expected}`", sig.ident));
            None
        }
    }
}

/// A must-succeed branch whose type says that it may refuse.
fn cannot_refuse(sig: &Signature, outcome: &Type, errors: &mut Errors) {
    let Type::Path(TypePath { path, .. }) = outcome else { return };
    let Some(PathArguments::AngleBracketed(arguments)) = path.segments.last().map(|segment| &segment.arguments) else {
        return;
    };
    if let Some(GenericArgument::Type(error @ Type::Path(TypePath { path, .. }))) = arguments.args.last()
        && path.segments.last().is_some_and(|segment| segment.ident == "BranchError")
    {
        let name = &sig.ident;
        errors.push(
            error,
            format_args!("`{name}` is a message's branch, and that cannot refuse: return `Result<(), Retry>`"),
        );
    }
}

fn too_many_arguments(sig: &Signature, expected: usize, errors: &mut Errors) {
    let name = &sig.ident;
    for input in sig.inputs.iter().filter(|input| matches!(input, FnArg::Typed(_))).skip(expected) {
        let with = if expected == 1 { "no more than its database" } else { "no more than its database and the gid" };
        errors.push(input, format_args!("`{name}` is asked by gid, and takes {with}: no payload, no extractor"));
    }
}

fn lacks(sig: &Signature, what: &str, errors: &mut Errors) {
    errors.push(&sig.ident, format_args!("`{}` lacks {what}", sig.ident));
}

fn argument_types(sig: &Signature) -> Vec<&Type> {
    sig.inputs
        .iter()
        .filter_map(|input| match input {
            FnArg::Typed(typed) => Some(&*typed.ty),
            FnArg::Receiver(_) => None,
        })
        .collect()
}

fn has(tokens: &TokenStream, wanted: &dyn Fn(&TokenTree) -> bool) -> bool {
    tokens.clone().into_iter().any(|token| match token {
        TokenTree::Group(group) => has(&group.stream(), wanted),
        token => wanted(&token),
    })
}
