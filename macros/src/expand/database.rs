//! What `#[derive(Database)]` writes.

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::{Ident, Path, Type};

use crate::errors::ends;

/// A newtype of an sqlx pool.
pub(crate) struct Database {
    pub(crate) krate: Path,
    pub(crate) name: Ident,
    /// `0`, or the name of the one field.
    pub(crate) field: TokenStream,
    pub(crate) pool: Type,
    /// The variant of `Isolation`, if one was given.
    pub(crate) isolation: Option<Ident>,
}

pub(crate) fn database(database: &Database) -> TokenStream {
    let Database { krate: bw, name, field, pool, isolation } = database;
    let isolation = isolation.as_ref().map(|level| quote!(const ISOLATION: #bw::Isolation = #bw::Isolation::#level;));
    let span = Span::mixed_site().located_at(ends(pool).0);
    // One fact, at the user's type: the pool is one that a barrier can be in.
    let driver = quote_spanned!(span=> <#pool as #bw::__private::DatabasePool>::Driver);
    quote! {
        impl #bw::Database for #name {
            type Driver = #driver;
            #isolation

            fn pool(&self) -> &#bw::__private::Pool<Self::Driver> {
                &self.#field
            }
        }
    }
}
