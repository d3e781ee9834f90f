//! The text and the spans of the user's tokens.

use proc_macro2::{Delimiter, Span, TokenStream, TokenTree};
use quote::ToTokens;

/// The first and the last span of these tokens.
pub(crate) fn ends(tokens: impl ToTokens) -> (Span, Span) {
    let mut spans = tokens.to_token_stream().into_iter().map(|token| token.span());
    let first = spans.next().unwrap_or_else(Span::call_site);
    (first, spans.last().unwrap_or(first))
}

/// Whether `wanted` is true for one of these tokens, at any depth.
pub(crate) fn any(tokens: &TokenStream, wanted: &dyn Fn(&TokenTree) -> bool) -> bool {
    tokens.clone().into_iter().any(|token| match token {
        TokenTree::Group(group) => any(&group.stream(), wanted),
        token => wanted(&token),
    })
}

/// The text as the user wrote it, without the spaces that a token stream puts between all tokens.
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
