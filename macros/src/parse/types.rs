//! Recognizes a transaction by the tokens of a type.

use syn::{PathArguments, PathSegment, Type, TypePath};

/// Whether it is `Tx<D>`, by reference or not.
pub(crate) fn is_transaction(ty: &Type) -> bool {
    transaction(referenced(ty)).is_some()
}

/// Whether it is `Tx` or `&mut Tx`, without a database.
pub(crate) fn is_transaction_of_none(ty: &Type) -> bool {
    transaction(referenced(ty)).is_some_and(|segment| segment.arguments.is_empty())
}

/// The arguments after the name, `<D>` in `Tx<D>`; `None` if the type is not a transaction.
pub(crate) fn database_of(ty: &Type) -> Option<&PathArguments> {
    transaction(ty).map(|segment| &segment.arguments)
}

/// `T` of `T`, `&T` and `&mut T`.
pub(crate) fn referenced(ty: &Type) -> &Type {
    if let Type::Reference(reference) = ty { &reference.elem } else { ty }
}

fn transaction(ty: &Type) -> Option<&PathSegment> {
    match ty {
        Type::Path(TypePath { qself: None, path, .. }) => path.segments.last().filter(|segment| segment.ident == "Tx"),
        _ => None,
    }
}
