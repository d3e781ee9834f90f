//! The options of an attribute: `#[msg_branch("/in", no_payload, crate = other)]`.

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use quote::ToTokens;
use syn::ext::IdentExt;
use syn::parse::{ParseStream, Parser};
use syn::{Ident, Lit, LitStr, Path, Token, Type};

use crate::errors::Errors;

/// The options that were given to an attribute.
#[derive(Default)]
pub(crate) struct Options {
    /// A text without a name.
    pub(crate) text: Option<LitStr>,
    /// Words, with their values.
    given: Vec<(Ident, Value)>,
    /// Whether one of the options is wrong: then a missing option is not reported as well.
    pub(crate) has_mistakes: bool,
}

/// The options that an attribute takes.
pub(crate) struct Accepted<'a> {
    /// The attribute, as it is written: `#[msg_branch]`.
    pub(crate) attribute: &'a str,
    /// The noun of its text without a name: "path".
    pub(crate) text: Option<&'static str>,
    /// The noun of its main option: "a path".
    pub(crate) takes: &'static str,
    /// An example with that option.
    pub(crate) example: &'a str,
    /// Words, with the values that they take.
    pub(crate) words: &'static [(&'static str, Takes)],
}

/// The value that a word takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Takes {
    /// `no_payload`
    Nothing,
    /// `crate = path::to::it`
    Path,
    /// `payload = Type`
    Type,
    /// `isolation = "serializable"`: what the text is, and an example of one.
    Text(&'static str, &'static str),
}

enum Value {
    Nothing,
    Path(Path),
    Type(Type),
    Text(LitStr),
}

impl Options {
    /// Reads the options. Wrong ones are reported to `errors`; the others are used.
    pub(crate) fn read(tokens: TokenStream, accepted: &Accepted<'_>, errors: &mut Errors) -> Self {
        let mut options = Self::default();
        options.read_more(tokens, accepted, errors);
        options
    }

    /// Reads the options of one more attribute of the same item.
    pub(crate) fn read_more(&mut self, tokens: TokenStream, accepted: &Accepted<'_>, errors: &mut Errors) {
        let mut mistakes = Errors::default();
        for option in split_at_commas(tokens) {
            let parser = |input: ParseStream<'_>| self.read_one(input, accepted, &mut mistakes);
            if let Err(error) = parser.parse2(option) {
                mistakes.push_error(&error);
            }
        }
        self.has_mistakes |= !mistakes.is_empty();
        errors.append(mistakes);
    }

    /// The word, if it was given without a value.
    pub(crate) fn flag(&self, name: &str) -> Option<&Ident> {
        self.find(name, |word, value| matches!(value, Value::Nothing).then_some(word))
    }

    pub(crate) fn path(&self, name: &str) -> Option<&Path> {
        self.find(name, |_, value| if let Value::Path(path) = value { Some(path) } else { None })
    }

    pub(crate) fn ty(&self, name: &str) -> Option<&Type> {
        self.find(name, |_, value| if let Value::Type(ty) = value { Some(ty) } else { None })
    }

    pub(crate) fn text_of(&self, name: &str) -> Option<&LitStr> {
        self.find(name, |_, value| if let Value::Text(text) = value { Some(text) } else { None })
    }

    fn find<'o, T>(&'o self, name: &str, value: impl Fn(&'o Ident, &'o Value) -> Option<T>) -> Option<T> {
        self.given.iter().filter(|(known, _)| known == name).find_map(|(known, given)| value(known, given))
    }

    fn read_one(&mut self, input: ParseStream<'_>, accepted: &Accepted<'_>, errors: &mut Errors) -> syn::Result<()> {
        let Accepted { attribute, takes, example, .. } = accepted;
        if input.peek(Lit) {
            self.read_text(input.parse()?, accepted, errors);
            return rest_is_empty(input, None, errors);
        }
        if !input.peek(Ident::peek_any) {
            let other: TokenStream = input.parse()?;
            match accepted.text {
                Some(what) => errors.push(other, format_args!("the {what} is a string literal: `{example}`")),
                None => errors.push(other, format_args!("`{attribute}` takes {takes}: `{example}`")),
            }
            return Ok(());
        }
        let name = input.call(Ident::parse_any)?;
        let word = name.to_string();
        let Some((_, takes)) = accepted.words.iter().find(|(known, _)| *known == word) else {
            input.parse::<TokenStream>()?;
            self.unknown(&name, accepted, errors);
            return Ok(());
        };
        if self.given.iter().any(|(known, _)| *known == name) {
            errors.push(&name, format_args!("`{word}` was given already: remove this one"));
        }
        if let Some(value) = read_value(&name, *takes, input, errors)? {
            self.given.push((name, value));
        }
        rest_is_empty(input, (*takes == Takes::Nothing).then_some(&word), errors)
    }

    fn read_text(&mut self, lit: Lit, accepted: &Accepted<'_>, errors: &mut Errors) {
        let Accepted { attribute, takes, example, .. } = accepted;
        match (lit, accepted.text) {
            (Lit::Str(text), Some(what)) => {
                if self.text.is_some() {
                    errors.push(&text, format_args!("`{attribute}` was given its {what} already: remove this one"));
                }
                self.text.get_or_insert(text);
            }
            (lit, Some(what)) => errors.push(lit, format_args!("the {what} is a string literal: `{example}`")),
            (lit, None) => errors.push(lit, format_args!("`{attribute}` takes {takes}: `{example}`")),
        }
    }

    fn unknown(&mut self, name: &Ident, accepted: &Accepted<'_>, errors: &mut Errors) {
        let Accepted { attribute, takes, example, words, .. } = accepted;
        let word = name.to_string();
        let meant = did_you_mean(&word, words.iter().map(|(known, _)| *known));
        let advice = match meant {
            Some(known) => format!("did you mean `{known}`?"),
            None => format!("`{attribute}` takes {takes}: `{example}`"),
        };
        errors.push(name, format_args!("unknown option `{word}`; {advice}"));
        // A misspelt flag counts as the flag, so that there is no second error for a missing flag.
        if let Some(known) = meant.filter(|known| words.contains(&(known, Takes::Nothing))) {
            self.given.push((Ident::new(known, name.span()), Value::Nothing));
        }
    }
}

/// The value of a word: `None` if it is missing or of another kind, which is reported.
fn read_value(name: &Ident, takes: Takes, input: ParseStream<'_>, errors: &mut Errors) -> syn::Result<Option<Value>> {
    let (what, form) = match takes {
        Takes::Nothing => return Ok(Some(Value::Nothing)),
        Takes::Path => ("path", format!("`{name} = path::to::it`")),
        Takes::Type => ("type", format!("`{name} = TransferIn`")),
        Takes::Text(what, example) => (what, format!("`{name} = \"{example}\"`")),
    };
    if !input.peek(Token![=]) {
        errors.push(name, format_args!("`{name}` takes a {what}: {form}"));
        return Ok(None);
    }
    input.parse::<Token![=]>()?;
    if input.is_empty() {
        errors.push(name, format_args!("`{name}` takes a {what}: {form}"));
        return Ok(None);
    }
    match takes {
        Takes::Nothing => Ok(Some(Value::Nothing)),
        Takes::Text(..) if input.peek(LitStr) => Ok(Some(Value::Text(input.parse()?))),
        Takes::Text(..) => {
            let other: TokenStream = input.parse()?;
            errors.push(other, format_args!("the {what} is a string literal: {form}"));
            Ok(None)
        }
        Takes::Path | Takes::Type if input.peek(LitStr) => {
            let text: LitStr = input.parse()?;
            errors.push(&text, format_args!("`{name}` is a {what}, not a text: `{name} = {}`", text.value()));
            Ok(None)
        }
        Takes::Path => Ok(Some(Value::Path(input.call(Path::parse_mod_style)?))),
        Takes::Type => Ok(Some(Value::Type(input.parse()?))),
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
///
/// The commas of `payload = Either<A, B>` are not top-level.
fn split_at_commas(tokens: TokenStream) -> Vec<TokenStream> {
    let mut options = vec![TokenStream::new()];
    let mut angles = 0_usize;
    let mut after_dash = false;
    for token in tokens {
        let is_dash = matches!(&token, TokenTree::Punct(mark) if mark.as_char() == '-');
        match &token {
            TokenTree::Punct(mark) if mark.as_char() == ',' && angles == 0 => {
                options.push(TokenStream::new());
                continue;
            }
            TokenTree::Punct(mark) if mark.as_char() == '<' => angles += 1,
            TokenTree::Punct(mark) if mark.as_char() == '>' && !after_dash => angles = angles.saturating_sub(1),
            // A fragment from a user's macro is a group without delimiters.
            TokenTree::Group(group) if group.delimiter() == Delimiter::None => {
                options.last_mut().expect("never empty").extend(group.stream());
                continue;
            }
            _ => {}
        }
        after_dash = is_dash;
        token.to_tokens(options.last_mut().expect("never empty"));
    }
    options.retain(|option| !option.is_empty());
    options
}

/// The name that differs from this one by a typo.
pub(crate) fn did_you_mean<'a>(typed: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    names
        .map(|name| (strsim::levenshtein(typed, name), name))
        .filter(|(far, name)| *far <= name.len() / 3)
        .min()
        .map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_typo_leads_to_the_name_and_another_word_does_not() {
        let meant = |typed| did_you_mean(typed, ["crate", "no_payload"].into_iter());
        assert_eq!(meant("no_paylod"), Some("no_payload"));
        assert_eq!(meant("crates"), Some("crate"));
        assert_eq!(meant("timeout"), None);
    }

    #[test]
    fn the_commas_of_a_type_do_not_end_an_option() {
        let tokens = quote::quote!("/in", payload = Either<fn() -> A, B>, no_payload);
        let options: Vec<_> = split_at_commas(tokens).iter().map(ToString::to_string).collect();
        assert_eq!(options, ["\"/in\"", "payload = Either < fn () -> A , B >", "no_payload"]);
    }
}
