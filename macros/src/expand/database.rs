//! The impl that `#[derive(Database)]` writes.

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::Ident;

use super::{errors, place, placed};
use crate::errors::Errors;
use crate::model::Database;

/// The impl, or the errors.
pub(crate) fn database(errors: &Errors, database: Option<&Database>) -> TokenStream {
    database.map_or_else(|| self::errors(errors), implemented)
}

fn implemented(database: &Database) -> TokenStream {
    let Database { krate: bw, name, field, pool, isolation } = database;
    let isolation = isolation.map(|level| {
        let level = Ident::new(level, Span::mixed_site());
        quote!(const ISOLATION: #bw::Isolation = #bw::Isolation::#level;)
    });
    // The trait of the pool is used in one form, so that rustc reports it once.
    let site = place(pool);
    let bw = placed(bw, site);
    let as_pool = quote_spanned!(site=> <#pool as #bw::DatabasePool>);
    let items = quote_spanned! {site=>
        type Driver = #as_pool::Driver;
        #isolation

        fn pool(&self) -> &#bw::__private::Pool<#as_pool::Driver> {
            #as_pool::as_pool(&self.#field)
        }

        fn recycling(&self) -> ::core::option::Option<&#bw::RecyclingPool<#as_pool::Driver>> {
            #as_pool::as_recycling(&self.#field)
        }
    };
    let implemented = placed(quote!(#[automatically_derived] impl #bw::Database for #name), place(name));
    quote!(#implemented { #items })
}
