//! The errors of an item, as calls of `compile_error!`.

use proc_macro2::TokenStream;
use quote::quote_spanned;

use crate::errors::{Errors, Mistake};

/// A call of `compile_error!` for each error; the last one shows the right form of the item.
pub(super) fn errors(errors: &Errors) -> TokenStream {
    let last = errors.all().len().saturating_sub(1);
    let mut tokens = TokenStream::new();
    for (index, Mistake { first, last: end, message }) in errors.all().iter().enumerate() {
        let message = match errors.usage() {
            Some(usage) if index == last => format!("{message}\n\n{usage}"),
            _ => message.clone(),
        };
        // rustc marks a macro call from its first token to its last.
        tokens.extend(quote_spanned!(*first=> ::core::compile_error!));
        tokens.extend(quote_spanned!(*end=> { #message }));
    }
    tokens
}
