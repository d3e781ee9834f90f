//! The rules of `#[derive(Database)]`: a newtype of an sqlx pool, with one isolation level at most.

use syn::{Data, DeriveInput, Fields, Index, LitStr, Member, Type};

use crate::errors::Errors;
use crate::parse;

pub(crate) fn no_generics(item: &DeriveInput, errors: &mut Errors) {
    if !item.generics.params.is_empty() {
        errors.push(&item.generics, "a database is one type: no generics");
    }
}

/// The one field of the struct, with its type.
pub(crate) fn field(item: &DeriveInput, errors: &mut Errors) -> Option<(Member, Type)> {
    let name = &item.ident;
    let Data::Struct(data) = &item.data else {
        errors.push(name, format_args!("a database is a newtype of an sqlx pool: `struct {name}(sqlx::SqlitePool);`"));
        return None;
    };
    let mut fields = data.fields.iter();
    match (fields.next(), fields.next()) {
        (Some(field), None) => {
            let member = match (&data.fields, &field.ident) {
                (Fields::Named(_), Some(ident)) => Member::Named(ident.clone()),
                _ => Member::Unnamed(Index::from(0)),
            };
            Some((member, field.ty.clone()))
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

/// The levels as SQL writes them, and the variants of `branchwire::Isolation`.
const LEVELS: [(&str, &str); 3] =
    [("read committed", "ReadCommitted"), ("repeatable read", "RepeatableRead"), ("serializable", "Serializable")];

/// The variant of `branchwire::Isolation` for a level.
pub(crate) fn isolation(level: &LitStr, errors: &mut Errors) -> Option<&'static str> {
    let word = level.value().to_lowercase().replace(['-', '_'], " ");
    let variant = LEVELS.iter().find(|(name, _)| *name == word).map(|(_, variant)| *variant);
    if variant.is_none() {
        let advice = match parse::did_you_mean(&word, LEVELS.iter().map(|(name, _)| *name)) {
            Some(name) => format!("did you mean `\"{name}\"`?"),
            None => "there are `\"read committed\"`, `\"repeatable read\"` and `\"serializable\"`".to_owned(),
        };
        errors.push(level, format_args!("`{}` is no isolation level; {advice}", level.value()));
    }
    variant
}
