//! The names in all keys: the gid of a global transaction, and the id of a branch within it.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The longest gid or branch id, in characters: the limit of DTM's tables.
pub const NAME_CHARS_MAX: usize = 128;

/// A text that is not a valid gid or branch id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a {what} has 1 to {NAME_CHARS_MAX} characters, without spaces and control characters")]
pub struct InvalidName {
    what: &'static str,
}

/// Whether `name` is a valid gid or branch id. A `const fn`, so that `gid!` can check at compile time.
#[doc(hidden)]
pub const fn name_is_valid(name: &str) -> bool {
    let bytes = name.as_bytes();
    let (mut i, mut chars) = (0, 0);
    while i < bytes.len() {
        if bytes[i] <= b' ' || bytes[i] == 0x7f {
            return false;
        }
        // Bytes of the form 10xxxxxx continue a character.
        if bytes[i] & 0b1100_0000 != 0b1000_0000 {
            chars += 1;
        }
        i += 1;
    }
    0 < chars && chars <= NAME_CHARS_MAX
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $what:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// Checks and wraps a name.
            ///
            /// # Errors
            /// [`InvalidName`] if it is empty, has more than [`NAME_CHARS_MAX`] characters, or a space or control
            /// character (of ASCII) among them.
            pub fn new(name: impl Into<String>) -> Result<Self, InvalidName> {
                let name = name.into();
                if name_is_valid(&name) { Ok(Self(name)) } else { Err(InvalidName { what: $what }) }
            }

            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = InvalidName;

            fn from_str(name: &str) -> Result<Self, InvalidName> {
                Self::new(name)
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidName;

            fn try_from(name: String) -> Result<Self, InvalidName> {
                Self::new(name)
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> String {
                name.0
            }
        }
    };
}

name! {
    /// The name of one global transaction, unique for all time.
    ///
    /// 1 to 128 characters without spaces and control characters. Databases may ignore case in comparisons (MySQL's
    /// default collations do), so choose lower case, as [`Gid::random`] does.
    Gid, "gid"
}

name! {
    /// The id of a branch within its global transaction: two digits for each level (`01`, nested `0101`), and `01-01`
    /// for a subscriber of a topic.
    BranchId, "branch id"
}

impl Gid {
    /// A new, unique gid: a `UUIDv7` in lower-case hex, ordered by time.
    #[must_use]
    pub fn random() -> Self {
        Self(uuid::Uuid::now_v7().simple().to_string())
    }
}

impl BranchId {
    /// The branch id of a message's local transaction: `00`.
    pub fn local() -> Self {
        Self(super::LOCAL_BRANCH.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gid_has_1_to_128_visible_characters() {
        assert!(Gid::new("a").is_ok());
        assert!(Gid::new("ü".repeat(128)).is_ok());
        assert!(Gid::new("a".repeat(129)).is_err());
        for bad in ["", " ", "a b", "a\0", "a\n", "a\u{7f}", "tail "] {
            assert!(Gid::new(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn random_gids_differ_and_are_valid() {
        let (one, two) = (Gid::random(), Gid::random());
        assert_ne!(one, two);
        assert!(name_is_valid(one.as_str()));
    }

    #[test]
    fn an_invalid_gid_does_not_deserialize() {
        assert!(serde_json::from_str::<Gid>("\"a b\"").is_err());
        assert_eq!(serde_json::from_str::<Gid>("\"a\"").unwrap().as_str(), "a");
    }
}
