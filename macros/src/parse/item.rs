//! The name of an item of the wrong kind, for errors.

use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// The item without its attributes, up to its body.
pub(crate) fn head(item: &TokenStream) -> TokenStream {
    let mut tokens = item.clone().into_iter().peekable();
    while tokens.next_if(|token| matches!(token, TokenTree::Punct(mark) if mark.as_char() == '#')).is_some() {
        tokens.next();
    }
    let is_body = |token: &TokenTree| matches!(token, TokenTree::Group(group) if group.delimiter() == Delimiter::Brace);
    tokens.take_while(|token| !is_body(token)).collect()
}

/// Its noun in error texts: "a struct".
pub(crate) fn kind(item: &TokenStream) -> &'static str {
    const KINDS: [(&str, &str); 11] = [
        ("struct", "a struct"),
        ("enum", "an enum"),
        ("impl", "an impl"),
        ("trait", "a trait"),
        ("mod", "a module"),
        ("type", "a type alias"),
        ("use", "a `use`"),
        ("static", "a static"),
        ("union", "a union"),
        ("fn", "a function"),
        ("const", "a constant"),
    ];
    let words: Vec<String> = head(item).into_iter().map(|token| token.to_string()).collect();
    KINDS.iter().find(|(word, _)| words.iter().any(|written| written == word)).map_or("this", |(_, kind)| kind)
}
