//! A module of branches.

use syn::{Ident, Path, Visibility};

use super::{Base, Branch, Carried};

/// The option that `#[service]` adds to the attributes that it has collected: with it an attribute generates nothing.
pub(crate) const COLLECTED: &str = "__branchwire_collected";

/// A module of branches.
pub(crate) struct Service {
    pub(crate) krate: Path,
    pub(crate) name: Ident,
    pub(crate) base: Base,
    pub(crate) is_remote: bool,
    /// The option `openapi`, if it is given.
    pub(crate) openapi: Option<Ident>,
    pub(crate) members: Vec<Member>,
}

impl Service {
    /// Whether one of its branches is deprecated.
    pub(crate) fn is_deprecated(&self) -> bool {
        self.members.iter().any(|member| member.carried().is_deprecated)
    }

    /// Whether one of its branches has this name.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.members.iter().any(|member| member.name() == name)
    }
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
