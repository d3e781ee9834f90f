//! The closed sets of words: transaction types, statuses.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A word that the protocol does not know.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the protocol has no such {what}")]
pub struct UnknownWord {
    what: &'static str,
}

macro_rules! words {
    ($(#[$doc:meta])* $name:ident, $what:literal { $($(#[$variant_doc:meta])* $variant:ident = $word:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        pub enum $name {
            $($(#[$variant_doc])* #[serde(rename = $word)] $variant,)+
        }

        impl $name {
            /// The word on the wire.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)+
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl FromStr for $name {
            type Err = UnknownWord;

            fn from_str(word: &str) -> Result<Self, UnknownWord> {
                match word {
                    $($word => Ok(Self::$variant),)+
                    _ => Err(UnknownWord { what: $what }),
                }
            }
        }
    };
}

words! {
    /// The pattern of a global transaction.
    TransType, "transaction type" {
        /// A two-phase message: a local transaction that may fail, then branches that must succeed.
        Msg = "msg",
        /// Actions, each with a compensation.
        Saga = "saga",
        /// Try, then confirm or cancel.
        Tcc = "tcc",
        /// Two-phase commit by the databases themselves.
        Xa = "xa",
        /// A function that the client replays.
        Workflow = "workflow",
    }
}

words! {
    /// The status of a global transaction, or of one of its branches.
    Status, "status" {
        /// Recorded; nothing has been called. Also the first status of a branch.
        Prepared = "prepared",
        /// To be carried out.
        Submitted = "submitted",
        /// Being rolled back.
        Aborting = "aborting",
        /// Ended: everything was applied.
        Succeed = "succeed",
        /// Ended: nothing remains applied.
        Failed = "failed",
    }
}

impl Status {
    /// Whether the transaction has ended, and so never changes again.
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Succeed | Self::Failed)
    }
}
