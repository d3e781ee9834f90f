//! How a branch ends, and the fixed HTTP replies for it.

use std::error::Error as StdError;
use std::fmt;

use http::StatusCode;

/// Any error, boxed.
type Source = Box<dyn StdError + Send + Sync>;

/// The branch could not do its work now: it must be called again.
///
/// A branch that must succeed in the end (a message's branch, a confirm, a cancel, a compensation) returns
/// `Result<(), Retry>`, which cannot express a refusal. `?` makes a `Retry` of any standard error;
/// [`OrRetry::or_retry`] makes one of `anyhow::Error` and boxed errors. The transaction is rolled back, and the coordinator
/// calls again after an interval that doubles.
///
/// The error goes to `tracing`, never into a response.
pub struct Retry(Source);

impl Retry {
    /// A retry for this reason.
    pub fn new(reason: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self(reason.into())
    }

    /// The reason.
    pub fn reason(&self) -> &(dyn StdError + Send + Sync + 'static) {
        self.0.as_ref()
    }
}

// `Retry` does not implement `std::error::Error`: otherwise this would overlap with `From<T> for T`.
#[diagnostic::do_not_recommend]
impl<E: StdError + Send + Sync + 'static> From<E> for Retry {
    fn from(error: E) -> Self {
        Self(Box::new(error))
    }
}

impl fmt::Debug for Retry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Retry").field(&self.0).finish()
    }
}

impl fmt::Display for Retry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// Why a branch that may refuse (a saga's action, a try) did not succeed.
///
/// `?` makes a retry of any standard error. Refusing is always explicit: [`OrRefuse::or_refuse`], or
/// [`BranchError::refuse`].
#[derive(Debug)]
pub enum BranchError {
    /// A final refusal: the global transaction is rolled back.
    Refused(Source),
    /// Not now: call again.
    Retry(Retry),
}

impl BranchError {
    /// Refuses, for this reason. The reason goes to `tracing`, never into a response.
    pub fn refuse(reason: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self::Refused(reason.into())
    }
}

#[diagnostic::do_not_recommend]
impl<E: StdError + Send + Sync + 'static> From<E> for BranchError {
    fn from(error: E) -> Self {
        Self::Retry(Retry::from(error))
    }
}

impl From<Retry> for BranchError {
    fn from(retry: Retry) -> Self {
        Self::Retry(retry)
    }
}

impl fmt::Display for BranchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(reason) => write!(f, "refused: {reason}"),
            Self::Retry(retry) => fmt::Display::fmt(retry, f),
        }
    }
}

/// Makes a [`Retry`] of an error that is not a standard error: `anyhow::Error`, a boxed error, a text.
pub trait OrRetry<T> {
    /// The value, or a [`Retry`] with the error as its reason.
    ///
    /// # Errors
    /// [`Retry`] if `self` is an error.
    fn or_retry(self) -> Result<T, Retry>;
}

impl<T, E: Into<Source>> OrRetry<T> for Result<T, E> {
    fn or_retry(self) -> Result<T, Retry> {
        self.map_err(Retry::new)
    }
}

/// Turns a missing value or an error into a refusal: `account.or_refuse("no such account")?`.
pub trait OrRefuse<T> {
    /// The value, or a refusal for this reason.
    ///
    /// # Errors
    /// [`BranchError::Refused`] if there is no value.
    fn or_refuse(self, reason: impl Into<Box<dyn StdError + Send + Sync>>) -> Result<T, BranchError>;
}

impl<T> OrRefuse<T> for Option<T> {
    fn or_refuse(self, reason: impl Into<Source>) -> Result<T, BranchError> {
        self.ok_or_else(|| BranchError::refuse(reason))
    }
}

impl<T, E: fmt::Debug> OrRefuse<T> for Result<T, E> {
    fn or_refuse(self, reason: impl Into<Source>) -> Result<T, BranchError> {
        self.map_err(|error| {
            let reason = reason.into();
            BranchError::refuse(format!("{reason}: {error:?}"))
        })
    }
}

/// The answer of a query-prepared: has the local transaction committed?
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Prepared {
    /// Yes: the message's branches are to be called.
    Committed,
    /// No, and it never will: the message ends `failed`.
    RolledBack,
    /// Not known yet: ask again.
    Ongoing,
}

/// The result of a function that must succeed in the end: `Result<(), Retry>`, which cannot express a refusal.
#[diagnostic::on_unimplemented(
    message = "what must succeed in the end cannot refuse and has nothing to hand back: return `Result<(), Retry>`",
    label = "expected `Result<(), Retry>`, found `{Self}`",
    note = "`?` makes a `Retry` of any standard error, `.or_retry()?` of any other"
)]
pub trait MustSucceed: Sized {
    #[doc(hidden)]
    fn into_outcome(self) -> Result<(), BranchError>;
}

impl MustSucceed for Result<(), Retry> {
    fn into_outcome(self) -> Result<(), BranchError> {
        self.map_err(BranchError::Retry)
    }
}

/// The result of a function that may refuse: `Result<T, BranchError>`.
#[diagnostic::on_unimplemented(
    message = "an action or a try may refuse: return `Result<T, BranchError>`",
    label = "expected `Result<T, BranchError>`, found `{Self}`",
    note = "`?` makes a retry of any standard error, `.or_refuse(\"why\")?` refuses"
)]
pub trait MayRefuse: Sized {
    #[doc(hidden)]
    type Returned;

    #[doc(hidden)]
    fn into_outcome(self) -> Result<Self::Returned, BranchError>;
}

impl<T> MayRefuse for Result<T, BranchError> {
    type Returned = T;

    fn into_outcome(self) -> Self {
        self
    }
}

/// The result of a query-prepared that decides by itself: `Result<Prepared, Retry>`.
#[diagnostic::on_unimplemented(
    message = "a query-prepared decides: return `Result<Prepared, Retry>`",
    label = "expected `Result<Prepared, Retry>`, found `{Self}`",
    note = "`Prepared` says whether the local transaction has committed; without a body the barrier answers"
)]
pub trait Decides: Sized {
    #[doc(hidden)]
    fn into_decision(self) -> Result<Prepared, Retry>;
}

impl Decides for Result<Prepared, Retry> {
    fn into_decision(self) -> Result<Prepared, Retry> {
        self
    }
}

/// A response of a branch's route. A route never sends any other.
///
/// The bodies are fixed, because a coordinator searches them for words: a database's error text with the word `FAILURE`
/// would count as a refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Reply {
    /// 200: applied, now or before.
    Success,
    /// 409: a final refusal. Only from branches that may refuse, and from query-prepared.
    Refused,
    /// 425: ask again after the same interval.
    Ongoing,
    /// 500: not done, or unknown; call again.
    Retry,
    /// 400: gid, `trans_type`, `branch_id` or op is missing or malformed.
    BadCall,
    /// 401: the service takes only signed calls, and this one is not.
    Unsigned,
    /// 403: the call's signature is not valid.
    BadSignature,
    /// 413: the payload is longer than the service reads.
    TooLong,
    /// 422: the payload is not of the branch's type.
    BadPayload,
}

impl Reply {
    /// All replies.
    pub const ALL: &'static [Self] = &[
        Self::Success,
        Self::Refused,
        Self::Ongoing,
        Self::Retry,
        Self::BadCall,
        Self::Unsigned,
        Self::BadSignature,
        Self::TooLong,
        Self::BadPayload,
    ];

    /// The HTTP status.
    pub const fn status(self) -> StatusCode {
        match self {
            Self::Success => StatusCode::OK,
            Self::Refused => StatusCode::CONFLICT,
            Self::Ongoing => StatusCode::TOO_EARLY,
            Self::Retry => StatusCode::INTERNAL_SERVER_ERROR,
            Self::BadCall => StatusCode::BAD_REQUEST,
            Self::Unsigned => StatusCode::UNAUTHORIZED,
            Self::BadSignature => StatusCode::FORBIDDEN,
            Self::TooLong => StatusCode::PAYLOAD_TOO_LARGE,
            Self::BadPayload => StatusCode::UNPROCESSABLE_ENTITY,
        }
    }

    /// The body, JSON.
    pub const fn body(self) -> &'static str {
        match self {
            Self::Success => r#"{"dtm_result":"SUCCESS"}"#,
            Self::Refused => r#"{"dtm_result":"FAILURE"}"#,
            Self::Ongoing => r#"{"dtm_result":"ONGOING"}"#,
            Self::Retry => r#"{"message":"not done: call again"}"#,
            Self::BadCall => {
                r#"{"message":"gid, trans_type, branch_id and op are needed, as a coordinator sends them"}"#
            }
            Self::Unsigned => r#"{"message":"this service takes signed calls only"}"#,
            Self::BadSignature => r#"{"message":"the signature of this call does not hold"}"#,
            Self::TooLong => r#"{"message":"the payload is longer than this service reads"}"#,
            Self::BadPayload => r#"{"message":"the payload is not what this branch takes"}"#,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::Answer;

    #[test]
    fn a_coordinator_reads_each_reply_as_it_is_meant() {
        for &reply in Reply::ALL {
            let expected = match reply {
                Reply::Success => Answer::Success,
                Reply::Refused => Answer::Failure,
                Reply::Ongoing => Answer::Ongoing,
                Reply::Retry
                | Reply::BadCall
                | Reply::Unsigned
                | Reply::BadSignature
                | Reply::TooLong
                | Reply::BadPayload => Answer::Unknown,
            };
            assert_eq!(Answer::read(reply.status().as_u16(), reply.body().as_bytes()), expected, "{reply:?}");
        }
    }

    #[test]
    fn any_standard_error_becomes_a_retry_and_only_or_refuse_refuses() {
        fn action(number: &str) -> Result<(), BranchError> {
            let number: u8 = number.parse()?;
            (number > 0).then_some(()).or_refuse("zero")
        }
        assert!(matches!(action("x"), Err(BranchError::Retry(_))));
        assert!(matches!(action("0"), Err(BranchError::Refused(_))));
        assert!(action("1").is_ok());
        let boxed: Result<(), Box<dyn StdError + Send + Sync>> = Err("boxed".into());
        assert_eq!(boxed.or_retry().unwrap_err().to_string(), "boxed");
    }
}
