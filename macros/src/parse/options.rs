//! The options of an attribute: `#[msg_branch("/in", no_payload, crate = other)]`.

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use quote::ToTokens;
use syn::ext::IdentExt;
use syn::parse::{ParseStream, Parser};
use syn::{Ident, Lit, LitStr, Path, Token};

use super::did_you_mean;
use crate::errors::Errors;

/// What an attribute was given.
#[derive(Default)]
pub(crate) struct Options {
    /// A text without a name.
    pub(crate) text: Option<LitStr>,
    /// Words without a value, in the order of [`Accepted::flags`].
    pub(crate) flags: Vec<Ident>,
    /// Words with a path: `crate = ::other`.
    pub(crate) paths: Vec<(Ident, Path)>,
    /// Whether something was given that cannot be it: then nothing is missed.
    pub(crate) has_mistakes: bool,
}

/// What an attribute takes.
pub(crate) struct Accepted {
    /// The attribute, as it is written: `#[msg_branch]`.
    pub(crate) attribute: &'static str,
    /// What its text is: "path".
    pub(crate) text: Option<&'static str>,
    /// How it is written with its text.
    pub(crate) example: &'static str,
    pub(crate) flags: &'static [&'static str],
    pub(crate) paths: &'static [&'static str],
}

impl Options {
    /// Reads the options; what is not one goes to `errors`, and the others still count.
    pub(crate) fn read(tokens: TokenStream, accepted: &Accepted, errors: &mut Errors) -> Self {
        let mut options = Self::default();
        let mut mistakes = Errors::default();
        for option in split_at_commas(tokens) {
            let parser = |input: ParseStream<'_>| options.read_one(input, accepted, &mut mistakes);
            if let Err(error) = parser.parse2(option) {
                mistakes.push_error(&error);
            }
        }
        options.has_mistakes = !mistakes.is_empty();
        errors.append(mistakes);
        options
    }

    fn read_one(&mut self, input: ParseStream<'_>, accepted: &Accepted, errors: &mut Errors) -> syn::Result<()> {
        let Accepted { attribute, example, .. } = accepted;
        if input.peek(Lit) {
            let lit: Lit = input.parse()?;
            match (lit, accepted.text) {
                (Lit::Str(text), Some(what)) => {
                    if self.text.is_some() {
                        errors.push(&text, format_args!("`{attribute}` was given its {what} already: remove this one"));
                    }
                    self.text.get_or_insert(text);
                }
                (lit, Some(what)) => {
                    errors.push(lit, format_args!("the {what} is a string literal: `{example}`"));
                }
                (lit, None) => errors.push(lit, format_args!("`{attribute}` takes no text: `{example}`")),
            }
            return rest_is_empty(input, None, errors);
        }
        if !input.peek(Ident::peek_any) {
            let other: TokenStream = input.parse()?;
            match accepted.text {
                Some(what) => errors.push(other, format_args!("the {what} is a string literal: `{example}`")),
                None => errors.push(other, format_args!("`{attribute}` takes words: `{example}`")),
            }
            return Ok(());
        }
        let name = input.call(Ident::parse_any)?;
        let word = name.to_string();
        if accepted.paths.contains(&word.as_str()) {
            if self.paths.iter().any(|(known, _)| *known == name) {
                errors.push(&name, format_args!("`{word}` was given already: remove this one"));
            }
            if !input.peek(Token![=]) {
                errors.push(&name, format_args!("`{word}` takes a path: `{word} = path::to::it`"));
                return Ok(());
            }
            input.parse::<Token![=]>()?;
            if input.peek(LitStr) {
                let text: LitStr = input.parse()?;
                errors.push(&text, format_args!("`{word}` is a path, not a text: `{word} = {}`", text.value()));
                return Ok(());
            }
            let path = input.call(Path::parse_mod_style)?;
            self.paths.push((name, path));
        } else if accepted.flags.contains(&word.as_str()) {
            if self.flags.contains(&name) {
                errors.push(&name, format_args!("`{word}` was given already: remove this one"));
            }
            self.flags.push(name.clone());
        } else {
            input.parse::<TokenStream>()?;
            let names = [accepted.flags, accepted.paths].concat();
            let meant = did_you_mean(&word, &names);
            // Taken as meant, so that what follows from it is no mistake, too.
            self.flags.extend(
                meant.filter(|known| accepted.flags.contains(known)).map(|known| Ident::new(known, name.span())),
            );
            let advice = match (meant, accepted.text) {
                (Some(known), _) => format!("did you mean `{known}`?"),
                (None, Some(what)) => format!("`{attribute}` takes a {what}: `{example}`"),
                (None, None) => format!("`{attribute}` takes none: `{example}`"),
            };
            errors.push(&name, format_args!("unknown option `{word}`; {advice}"));
            return Ok(());
        }
        rest_is_empty(input, Some(&word), errors)
    }

    pub(crate) fn flag(&self, name: &str) -> Option<&Ident> {
        self.flags.iter().find(|flag| *flag == name)
    }

    pub(crate) fn path(&self, name: &str) -> Option<&Path> {
        self.paths.iter().find(|(known, _)| known == name).map(|(_, path)| path)
    }
}

fn rest_is_empty(input: ParseStream<'_>, flag: Option<&str>, errors: &mut Errors) -> syn::Result<()> {
    if input.is_empty() {
        return Ok(());
    }
    let has_value = input.peek(Token![=]);
    let rest: TokenStream = input.parse()?;
    match flag {
        Some(word) if has_value => errors.push(rest, format_args!("`{word}` takes no value: write `{word}`")),
        _ => errors.push(&rest, format_args!("a comma is missing before `{rest}`")),
    }
    Ok(())
}

/// The options between top-level commas, so that a mistake in one does not hide the others.
fn split_at_commas(tokens: TokenStream) -> Vec<TokenStream> {
    let mut options = vec![TokenStream::new()];
    for token in tokens {
        match &token {
            TokenTree::Punct(punct) if punct.as_char() == ',' => options.push(TokenStream::new()),
            // A macro's fragment comes wrapped: look inside.
            TokenTree::Group(group) if group.delimiter() == Delimiter::None => {
                options.last_mut().expect("never empty").extend(group.stream());
            }
            _ => token.to_tokens(options.last_mut().expect("never empty")),
        }
    }
    options.retain(|option| !option.is_empty());
    options
}
