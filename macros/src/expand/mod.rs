//! Domain to tokens. Nothing is judged here, and nothing can fail.

mod branch;
mod database;
mod service;

use proc_macro2::{Group, Span, TokenStream, TokenTree};
use quote::ToTokens;
use syn::Ident;

use branch::asked_of_state;
pub(crate) use branch::{branch, proof};
pub(crate) use database::{Database, database};
pub(crate) use service::{kept_contract, service};

use crate::errors::ends;

/// The place of what the user wrote, as if the user had written our tokens there: an error then shows it, and no macro.
///
/// For signatures and bounds; what has variables or could meet a lint is [`hidden`].
fn place(of: impl ToTokens) -> Span {
    ends(of).0
}

/// The same place, for what is seen to be ours: its variables do not meet the user's names, and lints leave it alone.
fn hidden(of: impl ToTokens) -> Span {
    Span::mixed_site().located_at(ends(of).0)
}

/// The type that hosts a contract, if the service has one.
fn host() -> Ident {
    Ident::new("__BranchwireHost", Span::mixed_site())
}

/// Tokens of ours, at this place.
pub(crate) fn placed(tokens: impl ToTokens, place: Span) -> TokenStream {
    let placed = |token| match token {
        TokenTree::Group(group) => {
            let mut moved = Group::new(group.delimiter(), self::placed(group.stream(), place));
            moved.set_span(place);
            TokenTree::Group(moved)
        }
        mut other => {
            other.set_span(place);
            other
        }
    };
    tokens.to_token_stream().into_iter().map(placed).collect()
}
