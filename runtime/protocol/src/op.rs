//! The ops of branches: the protocol's words, and the names of workflows.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// The longest op, in characters: the limit of the barrier table.
const OP_CHARS_MAX: usize = 45;

/// The op of a call: what a coordinator wants from a branch.
///
/// The set is open: a workflow's callback has the workflow's name as its op. So match the ops that you serve, and
/// refuse the others.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Op {
    /// Do the work of a message's branch, or of a saga's step.
    Action,
    /// Undo a saga's action.
    Compensate,
    /// Reserve (TCC).
    Try,
    /// Make the reservation final (TCC).
    Confirm,
    /// Give up the reservation (TCC).
    Cancel,
    /// Commit (XA).
    Commit,
    /// Roll back (XA).
    Rollback,
    /// The local transaction of a message, in its barrier row and in the query-prepared call.
    Msg,
    /// Any other name, such as a workflow's.
    Named(OpName),
}

/// The name in [`Op::Named`]; made by parsing an [`Op`].
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct OpName(Arc<str>);

impl OpName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A text that is not a valid op.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an op has 1 to {OP_CHARS_MAX} characters, no control characters, and no spaces at its ends")]
pub struct InvalidOp;

impl Op {
    /// The ops with a word of the protocol.
    const WORDS: [(Self, &str); 8] = [
        (Self::Action, "action"),
        (Self::Compensate, "compensate"),
        (Self::Try, "try"),
        (Self::Confirm, "confirm"),
        (Self::Cancel, "cancel"),
        (Self::Commit, "commit"),
        (Self::Rollback, "rollback"),
        (Self::Msg, "msg"),
    ];

    /// The word on the wire.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Action => "action",
            Self::Compensate => "compensate",
            Self::Try => "try",
            Self::Confirm => "confirm",
            Self::Cancel => "cancel",
            Self::Commit => "commit",
            Self::Rollback => "rollback",
            Self::Msg => "msg",
            Self::Named(name) => name.as_str(),
        }
    }

    /// The op that this one undoes, if it undoes one. DTM's word: origin op.
    pub const fn origin(&self) -> Option<Self> {
        match self {
            Self::Cancel => Some(Self::Try),
            Self::Compensate | Self::Rollback => Some(Self::Action),
            Self::Action | Self::Try | Self::Confirm | Self::Commit | Self::Msg | Self::Named(_) => None,
        }
    }
}

impl Op {
    /// The op that must be applied before this one, if there is one: a confirm completes its try.
    pub const fn completes(&self) -> Option<Self> {
        match self {
            Self::Confirm => Some(Self::Try),
            Self::Commit => Some(Self::Action),
            Self::Action
            | Self::Compensate
            | Self::Try
            | Self::Cancel
            | Self::Rollback
            | Self::Msg
            | Self::Named(_) => None,
        }
    }
}

impl fmt::Display for Op {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Op {
    type Err = InvalidOp;

    fn from_str(text: &str) -> Result<Self, InvalidOp> {
        if let Some((op, _)) = Self::WORDS.into_iter().find(|(_, word)| *word == text) {
            return Ok(op);
        }
        let valid = (1..=OP_CHARS_MAX).contains(&text.chars().count())
            && !text.contains(char::is_control)
            && text.trim() == text;
        if valid { Ok(Self::Named(OpName(text.into()))) } else { Err(InvalidOp) }
    }
}

impl TryFrom<String> for Op {
    type Error = InvalidOp;

    fn try_from(text: String) -> Result<Self, InvalidOp> {
        text.parse()
    }
}

impl From<Op> for String {
    fn from(op: Op) -> Self {
        op.as_str().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_word_of_the_protocol_is_read_as_its_own_op() {
        for (op, word) in Op::WORDS {
            assert_eq!((op.as_str(), word.parse()), (word, Ok(op.clone())));
        }
    }

    #[test]
    fn an_op_with_another_name_undoes_nothing() {
        for name in ["buy@2", "Action", "a workflow", "\u{4e0b}\u{5355}", &"n".repeat(45)] {
            let op: Op = name.parse().unwrap();
            assert!(matches!(&op, Op::Named(same) if same.as_str() == name));
            assert_eq!((op.as_str(), op.origin()), (name, None));
        }
    }

    #[test]
    fn a_name_that_the_barrier_table_cannot_hold_or_distinguish_is_not_an_op() {
        for text in ["", " ", " action", "action ", "a\nb", "a\0", &"n".repeat(46)] {
            assert_eq!(text.parse::<Op>(), Err(InvalidOp), "{text:?}");
        }
    }
}
