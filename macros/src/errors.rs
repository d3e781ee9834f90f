//! The sink: every error of an item, in the order in which they were found.

use std::fmt::Display;

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote_spanned};

/// The errors of one item.
#[derive(Default)]
pub(crate) struct Errors {
    all: Vec<Mistake>,
    usage: Option<String>,
}

/// What is wrong, and from where to where.
struct Mistake {
    first: Span,
    last: Span,
    message: String,
}

impl Errors {
    /// An error at these tokens.
    pub(crate) fn push(&mut self, at: impl ToTokens, message: impl Display) {
        let (first, last) = ends(at);
        self.all.push(Mistake { first, last, message: message.to_string() });
    }

    /// An error at this place.
    pub(crate) fn push_at(&mut self, at: Span, message: impl Display) {
        self.all.push(Mistake { first: at, last: at, message: message.to_string() });
    }

    /// An error of the parser.
    pub(crate) fn push_error(&mut self, error: &syn::Error) {
        let span = error.span();
        self.all.extend(error.into_iter().map(|error| Mistake { first: span, last: span, message: error.to_string() }));
    }

    /// What the item should look like: shown once, below its last error.
    pub(crate) fn show_usage(&mut self, usage: impl Into<String>) {
        self.usage.get_or_insert_with(|| usage.into());
    }

    /// Takes over what another sink has, with its usage.
    pub(crate) fn append(&mut self, other: Self) {
        self.all.extend(other.all);
        self.usage = self.usage.take().or(other.usage);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }
}

impl ToTokens for Errors {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        let last = self.all.len().saturating_sub(1);
        for (index, mistake) in self.all.iter().enumerate() {
            let message = match &self.usage {
                Some(usage) if index == last => format!("{}\n\n{usage}", mistake.message),
                _ => mistake.message.clone(),
            };
            // rustc marks a macro call from its first token to its last.
            let path = quote_spanned!(mistake.first=> ::core::compile_error!);
            tokens.extend(path);
            tokens.extend(quote_spanned!(mistake.last=> { #message }));
        }
    }
}

/// The first and the last place of these tokens.
pub(crate) fn ends(tokens: impl ToTokens) -> (Span, Span) {
    let mut spans = tokens.to_token_stream().into_iter().map(|token| token.span());
    let first = spans.next().unwrap_or_else(Span::call_site);
    (first, spans.last().unwrap_or(first))
}
