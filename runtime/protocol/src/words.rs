//! The closed sets of words: transaction types, statuses, ops.

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
        /// A two-phase message: branches that must succeed, after a local transaction that may not.
        Msg = "msg",
        /// Actions, each with a compensation.
        Saga = "saga",
        /// Try, then confirm or cancel.
        Tcc = "tcc",
        /// Two-phase commit by the databases themselves.
        Xa = "xa",
        /// A function that the client itself replays.
        Workflow = "workflow",
    }
}

words! {
    /// Where a global transaction, or one of its branches, stands.
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

words! {
    /// What a coordinator asks of a branch.
    Op, "op" {
        /// Do the work of a message's branch, or of a saga's step.
        Action = "action",
        /// Undo a saga's action.
        Compensate = "compensate",
        /// Reserve (TCC).
        Try = "try",
        /// Make what was reserved final (TCC).
        Confirm = "confirm",
        /// Give up what was reserved (TCC).
        Cancel = "cancel",
        /// Commit (XA).
        Commit = "commit",
        /// Roll back (XA).
        Rollback = "rollback",
        /// The local transaction of a message, in its barrier row and in the query-prepared call.
        Msg = "msg",
    }
}

impl Op {
    /// The op that this one undoes, if it undoes one. DTM's word: origin op.
    pub const fn origin(self) -> Option<Self> {
        match self {
            Self::Cancel => Some(Self::Try),
            Self::Compensate | Self::Rollback => Some(Self::Action),
            Self::Action | Self::Try | Self::Confirm | Self::Commit | Self::Msg => None,
        }
    }
}
