//! An annotated function.

use proc_macro2::TokenStream;
use syn::{Attribute, Ident, Path, Type, Visibility};

use super::Role;

/// An annotated function.
pub(crate) struct Branch {
    /// The path of `branchwire`: `::branchwire`.
    pub(crate) krate: Path,
    /// The function's attributes that are copied to everything made from it.
    pub(crate) carried: Carried,
    pub(crate) vis: Visibility,
    pub(crate) name: Ident,
    pub(crate) role: &'static Role,
    pub(crate) path: RoutePath,
    pub(crate) pair: Pair,
    /// The module of its service; empty outside of one.
    pub(crate) service: String,
    pub(crate) known: Known,
    /// How the function is called. `None` if the function has mistakes or another service hosts it.
    pub(crate) call: Option<Call>,
    /// Whether another service hosts it: then no function is generated.
    pub(crate) is_remote: bool,
}

/// The other function of a pair.
pub(crate) enum Pair {
    /// There is none: the role has no pairs.
    Alone,
    /// This is the first one. The second ones name it.
    First {
        /// The roles of the second ones that it does not need: nothing is to be undone, or another error was reported.
        without: Vec<&'static Role>,
    },
    /// This is the second one, with the path of the first one; `None` if that has a mistake.
    Second(Option<Path>),
}

/// The whole path of a branch's route.
#[derive(Clone)]
pub(crate) enum RoutePath {
    /// The path itself.
    Known(String),
    /// The path of the contract's branch with this name.
    OfContract,
    /// A path below the contract's base path.
    BelowContract(String),
}

/// The first part of the paths of a service's branches.
#[derive(Clone)]
pub(crate) enum Base {
    /// The text itself; empty for a function outside of a service.
    Known(String),
    /// The base path of this contract.
    Contract(Path),
}

/// How the function is called.
pub(crate) enum Call {
    /// A branch, with a transaction, extractors and a payload.
    Branch {
        database: Type,
        extractors: Vec<Extractor>,
        payload: Option<Type>,
        /// Whether its last argument is what its first half has returned.
        takes_kept: bool,
        /// The return type.
        result: Type,
    },
    /// A query-prepared without a body: the barrier answers.
    AskBarrier { database: Type },
    /// A query-prepared with a body: the body answers.
    Decide {
        database: Type,
        gid: Type,
        /// The return type.
        result: Type,
    },
}

/// An argument between the transaction and the payload.
pub(crate) struct Extractor {
    pub(crate) ty: Type,
    /// Whether it has the name of an extractor of axum or Branchwire. If not, the compiler checks whether it is one.
    pub(crate) is_known: bool,
}

/// The types of a function that could be read, also if it has mistakes.
#[derive(Default)]
pub(crate) struct Known {
    pub(crate) database: Option<Type>,
    pub(crate) payload: Option<Type>,
    /// What a first function returns, if it is not `()`.
    pub(crate) value: Option<Type>,
    /// What a second function gets of its first one.
    pub(crate) kept: Option<Type>,
}

/// The attributes of a function that are copied to everything made from it.
#[derive(Default, Clone)]
pub(crate) struct Carried {
    /// `#[cfg(..)]`.
    pub(crate) cfgs: Vec<Attribute>,
    /// `#[doc = ".."]`, also from within `#[cfg_attr(..)]`.
    pub(crate) docs: Vec<TokenStream>,
    /// `#[deprecated]`, also from within `#[cfg_attr(..)]`.
    pub(crate) deprecated: Vec<TokenStream>,
    /// Whether the item is deprecated, or allows the use of deprecated items.
    pub(crate) is_deprecated: bool,
    /// The first line of the docs, empty without docs.
    pub(crate) summary: String,
}
