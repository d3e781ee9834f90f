//! The domain: what the attributes say, free of how it was written. No tokens are generated here.

use std::fmt;

use proc_macro2::TokenStream;
use syn::{Attribute, Ident, Path, Type, Visibility};

/// What part an annotated function plays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    MsgBranch,
    QueryPrepared,
}

impl Role {
    pub(crate) const ALL: [Self; 2] = [Self::MsgBranch, Self::QueryPrepared];

    /// The name of its attribute.
    pub(crate) const fn attribute(self) -> &'static str {
        match self {
            Self::MsgBranch => "msg_branch",
            Self::QueryPrepared => "query_prepared",
        }
    }

    /// What a reader calls it: "a message's branch".
    pub(crate) const fn noun(self) -> &'static str {
        match self {
            Self::MsgBranch => "a message's branch",
            Self::QueryPrepared => "a query-prepared",
        }
    }

    /// Whether a contract names it: what a coordinator calls at another service does.
    pub(crate) const fn is_in_contracts(self) -> bool {
        match self {
            Self::MsgBranch => true,
            Self::QueryPrepared => false,
        }
    }

    /// How its function is written.
    pub(crate) const fn usage(self) -> &'static str {
        match self {
            Self::MsgBranch => {
                "a message's branch is written\n    \
                 async fn name(tx: &mut Tx<Database>, payload: Payload) -> Result<(), Retry>\n\
                 with extractors of axum, if any, between the two; the payload may be left out"
            }
            Self::QueryPrepared => {
                "a query-prepared is written\n    \
                 fn name(db: Database);\n\
                 and the barrier answers, or, to decide by itself,\n    \
                 async fn name(db: &Database, gid: Gid) -> Result<Prepared, Retry>"
            }
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#[{}]", self.attribute())
    }
}

/// An annotated function.
pub(crate) struct Branch {
    /// Where `branchwire` is found: `::branchwire`.
    pub(crate) krate: Path,
    /// The function's attributes that go with everything made of it.
    pub(crate) carried: Carried,
    pub(crate) vis: Visibility,
    pub(crate) name: Ident,
    pub(crate) role: Role,
    pub(crate) path: RoutePath,
    /// What is known of its types.
    pub(crate) known: Known,
    /// How the function is called; `None` if it has mistakes, or is at another service.
    pub(crate) call: Option<Call>,
    /// Whether others host it: then there is no function.
    pub(crate) is_remote: bool,
}

/// The whole path of a branch's route.
#[derive(Clone)]
pub(crate) enum RoutePath {
    /// As it stands.
    Known(String),
    /// What the contract gives to the branch of its name.
    OfContract,
    /// A path below the contract's base.
    BelowContract(String),
}

/// Where a branch's path starts.
#[derive(Clone)]
pub(crate) enum Base {
    /// Here; empty for a function outside of a service.
    Known(String),
    /// The host of this contract.
    Contract(Path),
}

/// A module of branches.
pub(crate) struct Service {
    pub(crate) krate: Path,
    pub(crate) name: Ident,
    pub(crate) base: Base,
    pub(crate) is_remote: bool,
    /// The option that asks for a description by OpenAPI.
    pub(crate) openapi: Option<Ident>,
    pub(crate) members: Vec<Member>,
}

/// A branch of a service.
pub(crate) enum Member {
    /// An annotated function of the module.
    Branch(Branch),
    /// `#[branch] pub use path::name;`
    Elsewhere { carried: Carried, vis: Visibility, name: Ident },
}

impl Member {
    pub(crate) fn carried(&self) -> &Carried {
        match self {
            Self::Branch(Branch { carried, .. }) | Self::Elsewhere { carried, .. } => carried,
        }
    }

    pub(crate) fn name(&self) -> &Ident {
        match self {
            Self::Branch(Branch { name, .. }) | Self::Elsewhere { name, .. } => name,
        }
    }

    pub(crate) fn vis(&self) -> &Visibility {
        match self {
            Self::Branch(Branch { vis, .. }) | Self::Elsewhere { vis, .. } => vis,
        }
    }
}

/// How the function is called.
pub(crate) enum Call {
    /// A step of a message.
    MsgBranch {
        database: Type,
        extractors: Vec<Type>,
        payload: Option<Type>,
        /// The return type.
        outcome: Type,
    },
    /// A query-prepared that the barrier answers.
    AskBarrier { database: Type },
    /// A query-prepared that decides by itself.
    Decide {
        database: Type,
        gid: Type,
        /// The return type.
        decision: Type,
    },
}

/// What is known of a function's types, whether or not it is right.
#[derive(Default)]
pub(crate) struct Known {
    pub(crate) database: Option<Type>,
    pub(crate) payload: Option<Type>,
}

/// Attributes of a function that count for everything made of it.
#[derive(Default, Clone)]
pub(crate) struct Carried {
    /// `#[cfg(..)]`.
    pub(crate) cfgs: Vec<Attribute>,
    /// `#[doc = ".."]`, and those under `#[cfg_attr(..)]`.
    pub(crate) docs: Vec<TokenStream>,
    /// `#[deprecated]`, and one under `#[cfg_attr(..)]`.
    pub(crate) deprecated: Vec<TokenStream>,
}

impl Carried {
    /// The first line of the docs that are written as text.
    pub(crate) fn first_line(&self) -> String {
        let text = |doc: &TokenStream| {
            let attr = syn::parse::Parser::parse2(Attribute::parse_outer, doc.clone()).ok()?.pop()?;
            match &attr.meta {
                syn::Meta::NameValue(syn::MetaNameValue {
                    value: syn::Expr::Lit(syn::ExprLit { lit: syn::Lit::Str(text), .. }),
                    ..
                }) => Some(text.value()),
                _ => None,
            }
        };
        self.docs
            .iter()
            .filter_map(text)
            .flat_map(|text| text.lines().map(|line| line.trim().to_owned()).collect::<Vec<_>>())
            .find(|line| !line.is_empty())
            .unwrap_or_default()
    }
}
