//! The path of `branchwire` in the user's crate.

use proc_macro_crate::FoundCrate;
use proc_macro2::Span;
use syn::punctuated::Punctuated;
use syn::{Ident, Path, PathSegment, Token};

/// `::branchwire`, or the name that the user's `Cargo.toml` gives it.
///
/// If another crate re-exports it, the user has to give the option `crate = path`.
pub(crate) fn krate() -> Path {
    let name = match proc_macro_crate::crate_name("branchwire") {
        Ok(FoundCrate::Name(name)) => name,
        // `branchwire`'s own tests and examples use its outside name.
        Ok(FoundCrate::Itself) | Err(_) => "branchwire".to_owned(),
    };
    let mut segments = Punctuated::new();
    segments.push(PathSegment::from(Ident::new(&name, Span::mixed_site())));
    Path { leading_colon: Some(Token![::](Span::mixed_site())), segments }
}
