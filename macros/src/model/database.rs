//! A newtype of an sqlx pool.

use syn::{Ident, Path, Type};

/// A newtype of an sqlx pool.
pub(crate) struct Database {
    pub(crate) krate: Path,
    pub(crate) name: Ident,
    /// The one field.
    pub(crate) field: syn::Member,
    /// The type of the field.
    pub(crate) pool: Type,
    /// The variant of `branchwire::Isolation`, if one was given.
    pub(crate) isolation: Option<&'static str>,
}
