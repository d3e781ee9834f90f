//! The responses of the API.

use axum::extract::rejection::{BytesRejection, QueryRejection};
use axum::response::{IntoResponse, Response};
use branchwire_protocol::{DtmResult, GID_HEADER, GID_IS_KNOWN, GID_IS_NEW};
use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderName, HeaderValue, StatusCode};
use serde::Serialize;

use crate::engine::{NotAllowed, RunEnd};
use crate::runner::{Ended, GidWas, RequestError};
use crate::store::{JournalError, StoreError};
use crate::topics::TopicError;

/// The response to a request that was not carried out, in the protocol's form.
#[derive(Debug)]
pub(super) struct Refused {
    status: StatusCode,
    dtm_result: Option<DtmResult>,
    /// Whether the gid is that of another transaction: ours, so that a client need not read the text.
    other_transaction: bool,
    /// Whether the transaction was decided before this request came: ours as well.
    is_known: bool,
    message: String,
}

impl Refused {
    /// Any error that is not a final refusal: 500, as in DTM, also if the request is invalid.
    pub(super) fn error(message: impl Into<String>) -> Self {
        let status = StatusCode::INTERNAL_SERVER_ERROR;
        Self { status, dtm_result: None, other_transaction: false, is_known: false, message: message.into() }
    }

    /// A final refusal: 409.
    fn failure(message: impl Into<String>) -> Self {
        Self { status: StatusCode::CONFLICT, dtm_result: Some(DtmResult::Failure), ..Self::error(message) }
    }

    /// The request was carried out, and the transaction goes on: 425.
    fn ongoing(message: &str) -> Self {
        Self { status: StatusCode::TOO_EARLY, dtm_result: Some(DtmResult::Ongoing), ..Self::error(message) }
    }

    pub(super) fn not_found(message: &str) -> Self {
        Self { status: StatusCode::NOT_FOUND, ..Self::error(message) }
    }

    pub(super) fn method_not_allowed(message: &str) -> Self {
        Self { status: StatusCode::METHOD_NOT_ALLOWED, ..Self::error(message) }
    }

    /// The request has no accepted token: 401.
    pub(super) fn unauthorized(message: &str) -> Self {
        Self { status: StatusCode::UNAUTHORIZED, ..Self::error(message) }
    }

    /// The same, as 400.
    pub(super) fn bad_request(self) -> Self {
        Self { status: StatusCode::BAD_REQUEST, ..self }
    }

    /// It is unknown whether the request was carried out: 504, as from a proxy whose server has not responded.
    fn unknown(message: impl Into<String>) -> Self {
        Self { status: StatusCode::GATEWAY_TIMEOUT, ..Self::error(message) }
    }

    /// Temporarily refused: 503, to be retried after a second.
    pub(super) fn busy(message: impl Into<String>) -> Self {
        Self { status: StatusCode::SERVICE_UNAVAILABLE, ..Self::error(message) }
    }
}

impl Refused {
    /// Its status, if it says that the same request may have another answer soon, or that nobody knows what became of it.
    pub(super) fn passing_status(&self) -> Option<StatusCode> {
        matches!(self.status, StatusCode::SERVICE_UNAVAILABLE | StatusCode::GATEWAY_TIMEOUT).then_some(self.status)
    }

    pub(super) fn status(&self) -> StatusCode {
        self.status
    }

    pub(super) fn dtm_result(&self) -> Option<DtmResult> {
        self.dtm_result
    }

    /// The text for the client.
    ///
    /// Clients search the whole response for two words; a gid or an error's text must not contain them.
    pub(super) fn message(&self) -> &str {
        let misleading = [DtmResult::Failure, DtmResult::Ongoing]
            .iter()
            .any(|word| Some(*word) != self.dtm_result && self.message.contains(word.as_str()));
        if misleading { "not carried out" } else { &self.message }
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let other_transaction = self.other_transaction.then_some(true);
        let response = json(&Body { dtm_result: self.dtm_result, other_transaction, message: self.message() });
        let response = with_status(response, self.status);
        if self.is_known { with_gid(response, GID_IS_KNOWN) } else { response }
    }
}

/// The response with this status, and what belongs to it.
pub(super) fn with_status(mut response: Response, status: StatusCode) -> Response {
    *response.status_mut() = status;
    if status == StatusCode::SERVICE_UNAVAILABLE {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
    }
    response
}

impl From<NotAllowed> for Refused {
    fn from(refused: NotAllowed) -> Self {
        let other_transaction = matches!(refused, NotAllowed::Another | NotAllowed::RegisteredOtherwise(_));
        let is_known = matches!(refused, NotAllowed::Prepare(_) | NotAllowed::Submit(_));
        Self { other_transaction, is_known, ..Self::failure(refused.to_string()) }
    }
}

impl From<RequestError> for Refused {
    fn from(error: RequestError) -> Self {
        match error {
            RequestError::NotAllowed(refused) => refused.into(),
            RequestError::Busy
            | RequestError::Contended
            | RequestError::Journal(JournalError::Full | JournalError::Closed) => Self::busy(error.to_string()),
            RequestError::Journal(JournalError::Store(error)) | RequestError::Store(error) => error.into(),
            RequestError::Panicked => Self::unknown(error.to_string()),
            error => Self::error(error.to_string()),
        }
    }
}

impl From<TopicError> for Refused {
    fn from(error: TopicError) -> Self {
        match error {
            TopicError::Store(error) => error.into(),
            TopicError::Contended => Self::busy(error.to_string()),
            error => Self::error(error.to_string()),
        }
    }
}

impl From<StoreError> for Refused {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unknown(_) => Self::unknown(error.to_string()),
            // Nothing was written, and the store may be back in a moment.
            StoreError::Unavailable(_) => Self::busy(error.to_string()),
            StoreError::Data(_) => Self::error(error.to_string()),
        }
    }
}

impl From<BytesRejection> for Refused {
    fn from(rejection: BytesRejection) -> Self {
        Self { status: rejection.status(), ..Self::error(rejection.body_text()) }
    }
}

impl From<QueryRejection> for Refused {
    fn from(rejection: QueryRejection) -> Self {
        Self::error(rejection.body_text())
    }
}

#[derive(Serialize)]
struct Body<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    dtm_result: Option<DtmResult>,
    #[serde(skip_serializing_if = "Option::is_none")]
    other_transaction: Option<bool>,
    message: &'a str,
}

/// 200 with a body of JSON.
pub(super) fn json(body: &impl Serialize) -> Response {
    match serde_json::to_vec(body) {
        Ok(body) => with_type(body),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

/// 200 `{"dtm_result":"SUCCESS"}`.
pub(super) fn success() -> Response {
    with_type(r#"{"dtm_result":"SUCCESS"}"#)
}

/// The same for a transaction that was accepted; says whether the coordinator had it before.
pub(super) fn accepted(was: GidWas) -> Response {
    let word = match was {
        GidWas::New => GID_IS_NEW,
        GidWas::Known => GID_IS_KNOWN,
    };
    with_gid(success(), word)
}

fn with_gid(mut response: Response, word: &'static str) -> Response {
    response.headers_mut().insert(HeaderName::from_static(GID_HEADER), HeaderValue::from_static(word));
    response
}

fn with_type(body: impl IntoResponse) -> Response {
    ([(CONTENT_TYPE, HeaderValue::from_static("application/json"))], body).into_response()
}

/// The response to a submit that waited for the run.
///
/// A transaction that goes on may still succeed: DTM's `FAILURE` for a message whose branch refused, or for a saga whose
/// action gave no clear answer, would be false.
pub(super) fn run_end(Ended { end, reason }: Ended) -> Result<(), Refused> {
    match end {
        RunEnd::Succeed => Ok(()),
        RunEnd::Unknown => Err(Refused::error("submitted; a branch gave no clear answer and will be called again")),
        RunEnd::Ongoing => Err(Refused::ongoing("submitted; not all branches are done yet")),
        // The reason of a refusal has the word, as with DTM.
        RunEnd::RollingBack | RunEnd::Failed if reason.contains(DtmResult::Failure.as_str()) => {
            Err(Refused::failure(reason))
        }
        RunEnd::RollingBack | RunEnd::Failed if !reason.is_empty() => {
            Err(Refused::failure(format!("{reason}. FAILURE")))
        }
        RunEnd::RollingBack => Err(Refused::failure("the transaction is being rolled back. FAILURE")),
        RunEnd::Failed => Err(Refused::failure("the transaction was rolled back or stopped. FAILURE")),
    }
}

/// The response to an abort that waited for the run: the end that it asked for is no failure of the request.
pub(super) fn abort_end(end: RunEnd) -> Result<(), Refused> {
    match end {
        RunEnd::Failed => Ok(()),
        RunEnd::RollingBack | RunEnd::Ongoing | RunEnd::Unknown | RunEnd::Succeed => {
            Err(Refused::ongoing("aborted; not all branches are undone yet"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_outcome_and_a_certain_failure_get_different_statuses() {
        let status = |error: StoreError| {
            let asked = Refused::from(RequestError::Store(error.clone())).status;
            assert_eq!(asked, Refused::from(RequestError::Journal(JournalError::Store(error.clone()))).status);
            assert_eq!(asked, Refused::from(TopicError::Store(error)).status);
            asked
        };
        assert_eq!(status(StoreError::Unknown(String::new())), StatusCode::GATEWAY_TIMEOUT);
        assert_eq!(status(StoreError::Unavailable(String::new())), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(status(StoreError::Data(String::new())), StatusCode::INTERNAL_SERVER_ERROR);
    }
}
