//! Where the user's crate finds `branchwire`.

use proc_macro_crate::FoundCrate;
use proc_macro2::Span;
use syn::{Ident, Path, parse_quote};

/// `::branchwire`, or the name that the user's `Cargo.toml` gives it.
///
/// Where another crate re-exports it, only the option `crate = path` can tell.
pub(crate) fn path() -> Path {
    match proc_macro_crate::crate_name("branchwire") {
        Ok(FoundCrate::Name(name)) => {
            let name = Ident::new(&name, Span::mixed_site());
            parse_quote!(::#name)
        }
        // Its own tests and examples name it from outside.
        Ok(FoundCrate::Itself) | Err(_) => parse_quote!(::branchwire),
    }
}
