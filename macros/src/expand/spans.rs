//! The spans of generated tokens: rustc shows an error at the span.

use proc_macro2::{Group, Span, TokenStream, TokenTree};
use quote::{ToTokens, quote, quote_spanned};
use syn::{Ident, Type};

use crate::tokens::ends;

/// The span of the user's tokens, as if the user had written ours there: an error shows that place, and no macro.
///
/// For signatures and bounds. Tokens that have variables or that a lint could report get [`hidden`].
pub(super) fn place(of: impl ToTokens) -> Span {
    ends(of).0
}

/// The same place, marked as generated: variables do not conflict with the user's, and lints do not report it.
pub(super) fn hidden(of: impl ToTokens) -> Span {
    Span::mixed_site().located_at(ends(of).0)
}

/// A name of ours that no user writes: `__payload`.
///
/// Hygiene alone does not keep our names apart from the user's: a variable in a pattern can conflict with a constant of
/// the user, a type parameter or a lifetime with a type.
pub(super) fn ours(word: &str, site: Span) -> Ident {
    Ident::new(&format!("__{word}"), site)
}

/// The type parameter for a router's state.
pub(super) fn state(site: Span) -> Ident {
    ours("BranchwireState", site)
}

/// `#[allow(deprecated)]`, if the user has deprecated this.
///
/// No other `allow` is generated: a user may `forbid` the lint, and then rustc refuses the `allow`. Tokens that lints
/// would report are [`hidden`] instead. `deprecated` is reported at hidden tokens, too.
pub(super) fn allow_deprecated(is_deprecated: bool) -> Option<TokenStream> {
    is_deprecated.then(|| quote!(#[allow(deprecated)]))
}

/// Tokens of ours, at this place.
pub(super) fn placed(tokens: impl ToTokens, place: Span) -> TokenStream {
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

/// `<T as Trait>::function`: rustc reports at the user's own token if `T` does not have the trait.
pub(super) fn proof(ty: &Type, of: &TokenStream, function: &str) -> TokenStream {
    let (first, last) = ends(ty);
    let function = Ident::new(function, last);
    let (open, of, close) = (quote_spanned!(first=> <), placed(of, first), quote_spanned!(last=> >::#function));
    quote!(#open #ty as #of #close)
}
