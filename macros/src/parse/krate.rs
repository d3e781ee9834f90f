//! Where the user's crate finds `branchwire`.

use proc_macro_crate::FoundCrate;
use proc_macro2::Span;
use syn::punctuated::Punctuated;
use syn::{Ident, Path, PathSegment, Token};

/// `::branchwire`, or the name that the user's `Cargo.toml` gives it.
///
/// Where another crate re-exports it, only the option `crate = path` can tell.
pub(crate) fn krate() -> Path {
    let name = match proc_macro_crate::crate_name("branchwire") {
        Ok(FoundCrate::Name(name)) => name,
        // Its own tests and examples name it from outside.
        Ok(FoundCrate::Itself) | Err(_) => "branchwire".to_owned(),
    };
    let mut segments = Punctuated::new();
    segments.push(PathSegment::from(Ident::new(&name, Span::mixed_site())));
    Path { leading_colon: Some(Token![::](Span::mixed_site())), segments }
}
