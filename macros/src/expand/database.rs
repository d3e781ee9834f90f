//! What `#[derive(Database)]` writes.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::{Ident, Path, Type};

use super::{place, placed};

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
    // One fact, said in one way at one place, so that one error comes of it.
    let site = place(pool);
    let bw = placed(bw, site);
    let as_pool = quote_spanned!(site=> <#pool as #bw::DatabasePool>);
    let method = quote_spanned! {site=>
        type Driver = #as_pool::Driver;
        #isolation

        fn pool(&self) -> &#bw::__private::Pool<#as_pool::Driver> {
            #as_pool::as_pool(&self.#field)
        }
    };
    let implemented = placed(quote!(#[automatically_derived] impl #bw::Database for #name), place(name));
    quote!(#implemented { #method })
}
