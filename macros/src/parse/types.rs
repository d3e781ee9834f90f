//! Recognizes a transaction by the tokens of a type.

use syn::{GenericArgument, PathArguments, PathSegment, Type, TypePath};

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

/// The arguments after the name, `<T>` in `Kept<T>`; `None` if the type is another one.
pub(crate) fn kept_of(ty: &Type) -> Option<&PathArguments> {
    match ty {
        Type::Path(TypePath { qself: None, path, .. }) => {
            path.segments.last().filter(|segment| segment.ident == "Kept").map(|segment| &segment.arguments)
        }
        _ => None,
    }
}

/// The first argument of a type that is called `Result`.
pub(crate) fn success_of(ty: &Type) -> Option<&Type> {
    let Type::Path(TypePath { path, .. }) = ty else { return None };
    let last = path.segments.last().filter(|segment| segment.ident == "Result")?;
    let PathArguments::AngleBracketed(arguments) = &last.arguments else { return None };
    arguments.args.iter().find_map(|argument| match argument {
        GenericArgument::Type(ty) => Some(ty),
        _ => None,
    })
}

/// Whether it is `()`.
pub(crate) fn is_unit(ty: &Type) -> bool {
    matches!(ty, Type::Tuple(tuple) if tuple.elems.is_empty())
}
