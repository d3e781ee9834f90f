//! `#[derive(Database)]`.

use proc_macro2::TokenStream;
use syn::{DeriveInput, Meta};

use crate::errors::Errors;
use crate::model::Database;
use crate::parse::{self, Accepted, Options, Takes};
use crate::{check, expand};

const ACCEPTED: Accepted<'_> = Accepted {
    attribute: "#[database]",
    text: None,
    takes: "an isolation level",
    example: "#[database(isolation = \"serializable\")]",
    words: &[("isolation", Takes::Text("level", "serializable")), ("crate", Takes::Path)],
};

/// The items that the derive writes beside the type.
pub(crate) fn database(item: TokenStream) -> TokenStream {
    let mut errors = Errors::default();
    let item: DeriveInput = match syn::parse2(item) {
        Ok(item) => item,
        Err(error) => return error.into_compile_error(),
    };
    let options = options(&item, &mut errors);
    let isolation = options.text_of("isolation").and_then(|level| check::isolation(level, &mut errors));
    check::no_generics(&item, &mut errors);
    let field = check::field(&item, &mut errors);
    let krate = options.path("crate").cloned().unwrap_or_else(parse::krate);
    let database = field.map(|(field, pool)| Database { krate, name: item.ident, field, pool, isolation });
    expand::database(&errors, database.as_ref().filter(|_| errors.is_empty()))
}

/// The options of all `#[database(..)]` on the type.
fn options(item: &DeriveInput, errors: &mut Errors) -> Options {
    let mut options = Options::default();
    for attr in item.attrs.iter().filter(|attr| attr.path().is_ident("database")) {
        match &attr.meta {
            Meta::List(list) => options.read_more(list.tokens.clone(), &ACCEPTED, errors),
            other => {
                errors.push(
                    other,
                    format_args!("`{}` takes {}: `{}`", ACCEPTED.attribute, ACCEPTED.takes, ACCEPTED.example),
                );
            }
        }
    }
    options
}
