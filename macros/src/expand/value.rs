//! The types of a pair: what a first function returns, and `()` where there is nothing.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::Type;

use crate::model::Branch;

/// `<R>` of a call whose function returns an `R`.
pub(super) fn of_value(branch: &Branch) -> Option<TokenStream> {
    branch.known.value.as_ref().map(|value| quote!(<#value>))
}

/// The type as tokens; `()` at this place if there is none.
pub(super) fn or_unit(of: Option<&Type>, site: Span) -> TokenStream {
    of.map_or_else(|| quote_spanned!(site=> ()), ToTokens::to_token_stream)
}
