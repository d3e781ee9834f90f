//! The rules: each a small function that fills the sink. No tokens are generated here.

mod path;
mod remote;
mod service;
mod signature;

use proc_macro2::{Delimiter, TokenTree};
use quote::ToTokens;

pub(crate) use path::{branch_path, derived_path};
pub(crate) use remote::remote;
pub(crate) use service::{
    base, collected_from_within, host, is_taken, no_conditional_role, no_role_of_another_pattern, service,
};
pub(crate) use signature::{call, is_known_extractor, is_transaction, is_transaction_of_none};

/// As the user wrote it, without the spaces that a token stream puts everywhere.
pub(crate) fn text(tokens: impl ToTokens) -> String {
    let mut written = String::new();
    for token in tokens.to_token_stream() {
        let piece = match &token {
            TokenTree::Group(group) => {
                let (open, close) = match group.delimiter() {
                    Delimiter::Parenthesis => ("(", ")"),
                    Delimiter::Bracket => ("[", "]"),
                    Delimiter::Brace => ("{ ", " }"),
                    Delimiter::None => ("", ""),
                };
                format!("{open}{}{close}", text(group.stream()))
            }
            token => token.to_string(),
        };
        let is_word = |c: char| c.is_alphanumeric() || c == '_';
        let (last, next) = (written.chars().last(), piece.chars().next());
        let spaced = match (last, next) {
            (Some(last), Some(next)) => {
                let of_a_path = written.ends_with("::") || next == ':';
                (is_word(last) && (is_word(next) || next == '\''))
                    || matches!(last, ',' | ';')
                    || (last == ':' && !of_a_path)
            }
            _ => false,
        };
        if spaced {
            written.push(' ');
        }
        written.push_str(&piece);
    }
    written
}
