//! How a response is read, and the words in it.

use serde::{Deserialize, Serialize};

/// The word in a response's `dtm_result`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum DtmResult {
    /// Done.
    Success,
    /// Refused finally.
    Failure,
    /// Still working on it: ask again.
    Ongoing,
}

impl DtmResult {
    /// The word on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Success => "SUCCESS",
            Self::Failure => "FAILURE",
            Self::Ongoing => "ONGOING",
        }
    }
}

/// The meaning of a branch's or query-prepared's HTTP response to a coordinator.
///
/// Source: DTM's rules for the result of a branch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Answer {
    /// Status 200 with a body that contains neither of the words below.
    Success,
    /// Status 409, or `FAILURE` anywhere in the body.
    Failure,
    /// Status 425, or `ONGOING` anywhere in the body.
    Ongoing,
    /// Any other status, and no response at all.
    Unknown,
}

impl Answer {
    /// Reads a response, in the protocol's order: ongoing, failure, unknown, success.
    ///
    /// The body is searched as bytes, since it need not be UTF-8.
    pub fn read(status: u16, body: &[u8]) -> Self {
        if status == 425 || contains(body, DtmResult::Ongoing) {
            Self::Ongoing
        } else if status == 409 || contains(body, DtmResult::Failure) {
            Self::Failure
        } else if status == 200 {
            Self::Success
        } else {
            Self::Unknown
        }
    }
}

fn contains(body: &[u8], word: DtmResult) -> bool {
    let word = word.as_str().as_bytes();
    body.windows(word.len()).any(|window| window == word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_read_in_the_order_of_the_protocol() {
        for (status, body, answer) in [
            (200, "", Answer::Success),
            (200, "any text", Answer::Success),
            (200, "... FAILURE ...", Answer::Failure),
            (200, "FAILURE and ONGOING", Answer::Ongoing),
            (409, "", Answer::Failure),
            (409, "ONGOING", Answer::Ongoing),
            (425, "FAILURE", Answer::Ongoing),
            (500, "FAILURE", Answer::Failure),
            (500, "", Answer::Unknown),
            (201, "", Answer::Unknown),
            (204, "", Answer::Unknown),
            (302, "", Answer::Unknown),
            (404, "SUCCESS", Answer::Unknown),
        ] {
            assert_eq!(Answer::read(status, body.as_bytes()), answer, "{status} {body:?}");
        }
    }
}
