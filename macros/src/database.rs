//! `#[derive(Database)]`.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote};
use syn::{Attribute, Data, DeriveInput, Fields, Ident, Index, LitStr, Path, Token};

use crate::errors::Errors;
use crate::{expand, krate, parse};

/// What the derive writes beside the type.
pub(crate) fn expand(item: TokenStream) -> TokenStream {
    let mut errors = Errors::default();
    let item: DeriveInput = match syn::parse2(item) {
        Ok(item) => item,
        Err(error) => return error.into_compile_error(),
    };
    let settings = Settings::read(&item.attrs, &mut errors);
    if !item.generics.params.is_empty() {
        errors.push(&item.generics, "a database is one type: no generics");
    }
    let field = the_field(&item, &mut errors);
    match field {
        Some((field, pool)) if errors.is_empty() => expand::database(&expand::Database {
            krate: settings.krate.unwrap_or_else(krate::path),
            name: item.ident,
            field,
            pool,
            isolation: settings.isolation,
        }),
        _ => quote!(#errors),
    }
}

fn the_field(item: &DeriveInput, errors: &mut Errors) -> Option<(TokenStream, syn::Type)> {
    let name = &item.ident;
    let Data::Struct(data) = &item.data else {
        errors.push(name, format_args!("a database is a newtype of an sqlx pool: `struct {name}(sqlx::SqlitePool);`"));
        return None;
    };
    let mut fields = data.fields.iter();
    match (fields.next(), fields.next()) {
        (Some(field), None) => {
            let access = match (&data.fields, &field.ident) {
                (Fields::Named(_), Some(ident)) => ident.to_token_stream(),
                _ => Index { index: 0, span: Span::mixed_site() }.to_token_stream(),
            };
            Some((access, field.ty.clone()))
        }
        (_, second) => {
            let message = format!("a database has one field, its sqlx pool: `struct {name}(sqlx::SqlitePool);`");
            match second {
                Some(second) => errors.push(second, message),
                None => errors.push(name, message),
            }
            None
        }
    }
}

/// `#[database(..)]`.
#[derive(Default)]
struct Settings {
    isolation: Option<Ident>,
    krate: Option<Path>,
}

/// The levels as SQL writes them, and the variants of `Isolation`.
const LEVELS: [(&str, &str); 3] =
    [("read committed", "ReadCommitted"), ("repeatable read", "RepeatableRead"), ("serializable", "Serializable")];

impl Settings {
    fn read(attrs: &[Attribute], errors: &mut Errors) -> Self {
        let mut settings = Self::default();
        for attr in attrs.iter().filter(|attr| attr.path().is_ident("database")) {
            let read = attr.parse_nested_meta(|meta| {
                if meta.path.is_ident("crate") {
                    settings.krate = Some(meta.value()?.call(Path::parse_mod_style)?);
                } else if meta.path.is_ident("isolation") {
                    if settings.isolation.is_some() {
                        errors.push(&meta.path, "`isolation` was given already: remove this one");
                    }
                    if !meta.input.peek(Token![=]) {
                        errors.push(&meta.path, "`isolation` takes a level: `isolation = \"serializable\"`");
                        return Ok(());
                    }
                    let level: LitStr = meta.value()?.parse()?;
                    settings.isolation = isolation(&level, errors);
                } else {
                    unknown(&meta.path, errors);
                    if meta.input.peek(Token![=]) {
                        meta.value()?.parse::<proc_macro2::TokenTree>()?;
                    }
                }
                Ok(())
            });
            if let Err(error) = read {
                errors.push_error(&error);
            }
        }
        settings
    }
}

fn isolation(level: &LitStr, errors: &mut Errors) -> Option<Ident> {
    let word = level.value().to_lowercase().replace(['-', '_'], " ");
    let variant = LEVELS.iter().find(|(name, _)| *name == word);
    if variant.is_none() {
        let advice = match parse::did_you_mean(&word, &LEVELS.map(|(name, _)| name)) {
            Some(name) => format!("did you mean `\"{name}\"`?"),
            None => "there are `\"read committed\"`, `\"repeatable read\"` and `\"serializable\"`".to_owned(),
        };
        errors.push(level, format_args!("`{}` is no isolation level; {advice}", level.value()));
    }
    variant.map(|(_, variant)| Ident::new(variant, Span::mixed_site()))
}

fn unknown(name: &Path, errors: &mut Errors) {
    let word = name.to_token_stream().to_string();
    let advice = match parse::did_you_mean(&word, &["isolation", "crate"]) {
        Some(known) => format!("did you mean `{known}`?"),
        None => "`#[database]` takes an isolation level: `#[database(isolation = \"serializable\")]`".to_owned(),
    };
    errors.push(name, format_args!("unknown option `{word}`; {advice}"));
}
