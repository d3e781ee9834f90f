//! The sink: every error of an item, in the order in which they were found.

use std::fmt::Display;

use proc_macro2::Span;
use quote::ToTokens;

use crate::tokens::ends;

/// The errors of one item.
#[derive(Default)]
pub(crate) struct Errors {
    all: Vec<Mistake>,
    usage: Option<String>,
}

/// One error, reported at the tokens from `first` to `last`.
pub(crate) struct Mistake {
    pub(crate) first: Span,
    pub(crate) last: Span,
    pub(crate) message: String,
}

impl Errors {
    /// An error at these tokens.
    pub(crate) fn push(&mut self, at: impl ToTokens, message: impl Display) {
        let (first, last) = ends(at);
        self.all.push(Mistake { first, last, message: message.to_string() });
    }

    /// An error at the tokens from here to there.
    pub(crate) fn push_between(&mut self, from: impl ToTokens, to: impl ToTokens, message: impl Display) {
        let (first, last) = (ends(from).0, ends(to).1);
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

    /// Shows the right form of the item once, below its last error.
    pub(crate) fn show_usage(&mut self, usage: impl Into<String>) {
        self.usage.get_or_insert_with(|| usage.into());
    }

    /// Takes over the errors and the usage of another sink.
    pub(crate) fn append(&mut self, other: Self) {
        self.all.extend(other.all);
        self.usage = self.usage.take().or(other.usage);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    pub(crate) fn all(&self) -> &[Mistake] {
        &self.all
    }

    pub(crate) fn usage(&self) -> Option<&str> {
        self.usage.as_deref()
    }
}
